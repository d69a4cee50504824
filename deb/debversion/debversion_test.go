package debversion

import (
	"os/exec"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// versions are in their order; those in one line are equal.
var versions = [][]string{
	{"~~"}, {"0~~"}, {"0~~a"}, {"0~"}, {"0", "00", "", "0:0", "0-0"}, {"0a"}, {"0+"},
	{"1.0~rc1-1"}, {"1.0-1~bookworm1"}, {"1.0-1", "0:1.0-1", "1.0-01"}, {"1.0-1+b1"}, {"1.0-1.1"}, {"1.0-10"},
	{"1.0a"}, {"1.0.1"}, {"1.2-3-4"}, {"1.10"}, {"20240101000000000000000000000"}, {"1:0.1"}, {"2:0"},
}

func TestCompare(t *testing.T) {
	for i, a := range versions {
		for j, b := range versions {
			for _, x := range a {
				for _, y := range b {
					if got, want := Compare(x, y), min(max(i-j, -1), 1); got != want {
						t.Errorf("Compare(%q, %q) = %d, want %d", x, y, got, want)
					}
				}
			}
		}
	}
}

func TestCompareOracle(t *testing.T) {
	skiptest.Without(t, "dpkg")
	for i := 5; i+1 < len(versions); i++ { // dpkg wants a digit first
		a, b := versions[i][0], versions[i+1][0]
		if err := exec.Command("dpkg", "--compare-versions", a, "lt", b).Run(); err != nil {
			t.Errorf("dpkg: %s isn't lower than %s: %v", a, b, err)
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0-1", "1.0-1~bookworm1")
	f.Add("1:2~", "a:b-")
	f.Fuzz(func(t *testing.T, a, b string) {
		if Compare(a, b) != -Compare(b, a) || Compare(a, a) != 0 {
			t.Errorf("%q and %q have no order", a, b)
		}
	})
}
