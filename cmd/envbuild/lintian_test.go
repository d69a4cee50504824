package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestSampleLintian asks lintian about the sample's packages of every layout, with
// the overrides that they ship: no error and no warning is left. They are packaged
// as xz, since lintian of Debian 12 calls a data.tar.zst malformed.
func TestSampleLintian(t *testing.T) {
	skiptest.Without(t, "lintian")
	c := sample(t)
	c.editSpec(t, "\n  section: web\n", "\n  section: web\n  deb: {compression: xz}\n")
	c.must(t, "lock")
	t.Run("in place", func(t *testing.T) { lint(t, debsOf(t, c, 1)) })
	c.editSpec(t, "releases: 0", "releases: 3")
	t.Run("releases", func(t *testing.T) { lint(t, debsOf(t, c, 1)) })
	c.editSpec(t, `perl: "`+testPerl+`"`, `perl: "`+testPerl+"\"\n  as: package")
	t.Run("runtime package", func(t *testing.T) { lint(t, debsOf(t, c, 2)) })
}

func lint(t *testing.T, debs []madePackage) {
	t.Helper()
	for _, d := range debs {
		out, err := exec.Command("lintian", "--allow-root", "--fail-on", "none", "--display-level", ">=warning", d.Path).CombinedOutput()
		if err != nil {
			t.Fatalf("lintian: %v %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "N: ") {
				t.Error(strings.TrimSpace(line))
			}
		}
	}
}
