package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHealth packages an application with faults: all are told at once, and
// nothing is written.
func TestHealth(t *testing.T) {
	c := client{dir: newDir(t), env: append(os.Environ(), "ENVBUILD_CACHE="+newCache(t))}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	spec := `name: faulty
version: "1"
maintainer: Ops Team <ops@example.org>
description: an application with faults
runtime: {perl: "` + testPerl + `"}
app: {files: [bin]}
`
	write("envbuild.yaml", spec, 0o644)
	write("bin/good", "#!/usr/bin/env perl\n", 0o755)
	write("bin/bad", "#!/no/such/perl\n", 0o755)
	for name, target := range map[string]string{"bin/dead": "nowhere", "bin/perl": "/opt/faulty/runtime/bin/perl"} {
		if err := os.Symlink(target, filepath.Join(c.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 { // more than are shown of other errors
		write("bin/more"+string(rune('0'+i)), "#!/no/such/sh\n", 0o755)
	}
	c.must(t, "lock")
	got := c.run("deb", "-o", "out")
	if got.code != 1 || strings.Count(got.stderr, "error:") != 12 ||
		!strings.Contains(got.stderr, `/opt/faulty/app/bin/bad begins with "#!/no/such/perl"`) ||
		!strings.Contains(got.stderr, "/opt/faulty/app/bin/dead is a dead link to nowhere") {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "out")); !notExist(err) {
		t.Errorf("something was written: %v", err)
	}
	write("envbuild.yaml", spec+"package: {unchecked: [\"/opt/faulty/app/bin/*\"]}\n", 0o644)
	c.must(t, "deb", "-o", "out")
}
