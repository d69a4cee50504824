package main

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestSampleDepends compares the sample's Depends with what dpkg-shlibdeps finds
// for every compiled file of the package.
func TestSampleDepends(t *testing.T) {
	skiptest.Without(t, "dpkg-shlibdeps", "dpkg-deb")
	c := sample(t)
	made := c.must(t, "deb", "-o", newDir(t))
	root := newDir(t)
	// $ORIGIN counts from the directory that holds DEBIAN.
	if out, err := exec.Command("dpkg-deb", "-R", made, root).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v %s", err, out)
	}
	depends, err := exec.Command("dpkg-deb", "-f", made, "Depends").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := newDir(t)
	if err := os.Mkdir(filepath.Join(source, "debian"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "debian/control"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dpkg-shlibdeps", "-O", "--warnings=0")
	files := compiledFiles(t, root)
	for _, f := range files {
		cmd.Args = append(cmd.Args, "-e"+f)
	}
	var complaints bytes.Buffer
	cmd.Dir, cmd.Stderr, cmd.Env = source, &complaints, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("dpkg-shlibdeps: %v %s", err, complaints.Bytes())
	}
	want := strings.TrimPrefix(strings.TrimSpace(string(out)), "shlibs:Depends=")
	// What services need follows what files link.
	got := strings.TrimSpace(string(depends))
	rest, ok := strings.CutPrefix(got+", ", want+", ")
	if !ok || strings.HasPrefix(rest, "lib") || strings.Contains(rest, ", lib") {
		t.Errorf("of %d files: got %s, dpkg-shlibdeps says %s", len(files), got, want)
	}
	if len(files) < 40 {
		t.Errorf("only %d compiled files are in the package", len(files))
	}
}

func compiledFiles(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := elf.Open(p)
		if err != nil {
			return nil // not compiled
		}
		defer f.Close()
		if f.Type == elf.ET_DYN || f.Type == elf.ET_EXEC {
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
