package project

import (
	"strings"
	"testing"

	"github.com/envbuild/envbuild/pkgspec"
)

func TestFromDescription(t *testing.T) {
	for description, want := range map[string]string{
		"v1.4.0-0-g1f2e":         "1.4.0",
		"v1.4.0-3-g1f2e":         "1.4.0+3.g1f2e",
		"1.4.0-rc1-12-gab-dirty": "1.4.0-rc1+12.gab+dirty",
		"v2-0-gab-dirty":         "2+dirty",
	} {
		got, err := fromDescription(description)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", description, got, err, want)
		}
	}
	for _, description := range []string{"", "v1", "v1-gab"} {
		if got, err := fromDescription(description); err == nil {
			t.Errorf("%q became %q", description, got)
		}
	}
}

func FuzzFromDescription(f *testing.F) {
	f.Add("v1.4.0-3-g1f2e-dirty")
	f.Add("--")
	f.Fuzz(func(t *testing.T, description string) {
		version, err := fromDescription(description)
		if err == nil && pkgspec.CheckVersion(version) == nil && strings.ContainsAny(version, " \n") {
			t.Errorf("%q became %q", description, version)
		}
	})
}
