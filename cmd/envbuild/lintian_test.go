package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestSampleLintian asks lintian about the sample's package, with the overrides
// that it ships: no error and no warning is left. It is packaged as xz, since
// lintian of Debian 12 calls a data.tar.zst malformed.
func TestSampleLintian(t *testing.T) {
	skiptest.Without(t, "lintian")
	c := sample(t)
	file := filepath.Join(c.dir, "envbuild.yaml")
	spec, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const section = "  section: web\n" // of the package
	xz := strings.Replace(string(spec), section, section+"  deb: {compression: xz}\n", 1)
	if err := os.WriteFile(file, []byte(xz), 0o644); err != nil {
		t.Fatal(err)
	}
	c.must(t, "lock")
	made := c.must(t, "deb", "-o", newFolder(t))
	out, err := exec.Command("lintian", "--allow-root", "--fail-on", "none", "--display-level", ">=warning", made).CombinedOutput()
	if err != nil {
		t.Fatalf("lintian: %v %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "N: ") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
