package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestTar unpacks a tarball in two places, moves one, runs it as another user,
// and in a clean root that has no perl.
func TestTar(t *testing.T) {
	c := client{dir: newDir(t), env: append(os.Environ(), "ENVBUILD_CACHE="+newCache(t))}
	spec := "name: small\nversion: \"1.5\"\nruntime: {perl: \"" + testPerl + "\"}\napp: {files: [bin]}\n" +
		"env: {GREETING: \"from ${PROJECT_BASE}\", PATH: [\"${PROJECT_BASE}/bin\"]}\n"
	for name, text := range map[string]string{"envbuild.yaml": spec, "bin/greet": "#!/usr/bin/env perl\nprint \"$ENV{GREETING} $]\\n\";\n"} {
		path := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.must(t, "lock")
	made := c.must(t, "tar", "-o", "out")
	if again := c.must(t, "tar", "-o", "other"); fileText(t, made) != fileText(t, again) {
		t.Error("two tarballs of the same differ")
	}
	base, err := os.MkdirTemp("", "eb-tar-") // others can't look into the tests' own directory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	first, second := unpackTar(t, made, filepath.Join(base, "a b")), unpackTar(t, made, filepath.Join(base, "c"))
	checkTar(t, first)
	checkTar(t, second)
	checkTar(t, first) // the other place has changed nothing here
	moved := filepath.Join(base, "moved")
	if err := os.Rename(first, moved); err != nil {
		t.Fatal(err)
	}
	checkTar(t, moved)

	t.Run("another user", func(t *testing.T) {
		if os.Getuid() != 0 {
			skiptest.Because(t, "only root can become another user")
		}
		greets(t, moved, exec.Command("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", filepath.Join(moved, "env.sh"), "greet"))
		again := filepath.Join(base, "again")
		if err := os.Rename(moved, again); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", filepath.Join(again, "env.sh"), "greet").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "run "+again+"/relocate as its owner") {
			t.Errorf("moved, without the right to write: %v %s", err, out)
		}
	})
	t.Run("clean root", func(t *testing.T) {
		root := cleanRoot(t)
		unpackTar(t, made, filepath.Join(root, "srv"))
		greets(t, "/srv/small-1.5-amd64", exec.Command("chroot", root, "/srv/small-1.5-amd64/env.sh", "greet"))
	})
}

// cleanRoot unpacks the minimal Debian root and takes its perl away.
func cleanRoot(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		skiptest.Because(t, "only root can change the root directory")
	}
	tarball, err := exec.Command("../../.ci/root").Output()
	if err != nil {
		t.Fatalf("make the clean root: %v", err)
	}
	root := newDir(t)
	if out, err := exec.Command("tar", "-xf", strings.TrimSpace(string(tarball)), "-C", root).CombinedOutput(); err != nil {
		t.Fatalf("unpack the clean root: %v %s", err, out)
	}
	if out, err := exec.Command("find", filepath.Join(root, "usr/bin"), "-name", "perl*", "-delete").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	// perl finds itself by /proc, of which a link is all that it needs here.
	proc := filepath.Join(root, "proc")
	if out, err := exec.Command("mount", "-t", "proc", "proc", proc).CombinedOutput(); err != nil {
		skiptest.Because(t, "there is no /proc to be had in another root: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", proc).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	return root
}

func unpackTar(t *testing.T, file, place string) string {
	t.Helper()
	if err := os.MkdirAll(place, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xzf", file, "-C", place).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return filepath.Join(place, strings.TrimSuffix(filepath.Base(file), ".tar.gz"))
}

func checkTar(t *testing.T, top string) {
	t.Helper()
	greets(t, top, exec.Command(filepath.Join(top, "env.sh"), "greet"))
}

// greets expects the program's line, from a perl of the tarball.
func greets(t *testing.T, top string, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "from "+top+"/app 5.036000\n" {
		t.Errorf("%s: %q, %v", top, out, err)
	}
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
