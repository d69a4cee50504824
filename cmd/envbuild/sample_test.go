package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/cpantest"
	"github.com/envbuild/envbuild/pkgspec"
)

// sampleDir has the sample application.
const sampleDir = "../../testdata/plack-app"

// sampleMirror makes the sample application's mirrors, as "make mirror" does, and
// returns their directory's absolute path.
func sampleMirror(ctx context.Context) (string, error) {
	maker, err := cpantest.NewMaker(http.DefaultClient)
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(sampleDir, "mirror"))
	if err != nil {
		return "", err
	}
	_, err = maker.Make(ctx, dir)
	return dir, err
}

// sample copies the sample application with its mirror, as a user would get it.
func sample(t testing.TB) client {
	t.Helper()
	if _, err := sampleMirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(newDir(t), "app")
	if out, err := exec.Command("cp", "-R", sampleDir, dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
	return client{dir: dir, env: append(os.Environ(), "ENVBUILD_CACHE="+mainCache())}
}

// TestSample is the main job: lock, build, run, and a package that two users
// with other settings make alike.
func TestSample(t *testing.T) {
	c := sample(t)
	c.must(t, "lock", "--check")
	committed, err := os.ReadFile(filepath.Join(c.dir, pkgspec.LockName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.dir, pkgspec.LockName)); err != nil {
		t.Fatal(err)
	}
	c.must(t, "lock")
	if fresh, err := os.ReadFile(filepath.Join(c.dir, pkgspec.LockName)); err != nil || !bytes.Equal(fresh, committed) {
		t.Errorf("the sample's lock is another one when it is made anew: %v\n%s", err, fresh)
	}
	c.must(t, "build")

	t.Run("again", func(t *testing.T) {
		c.must(t, "build")
		var plan planDocument
		if err := c.run("plan", "--json").decode(&plan); err != nil {
			t.Fatal(err)
		}
		for _, s := range plan.Steps {
			if !s.Cached {
				t.Errorf("%s is not cached: %s", s.Name, s.Why)
			}
		}
	})
	t.Run("exec", func(t *testing.T) {
		got := c.must(t, "exec", "--", "perl", "-MPlack", "-MDBD::SQLite", "-e", `print "$^V $Plack::VERSION\n"`)
		if got != "v"+testPerl+" 1.0050" {
			t.Errorf("perl printed %q", got)
		}
	})
	t.Run("codes", func(t *testing.T) { testExecCodes(t, c) })
	t.Run("rc", func(t *testing.T) {
		cmd := exec.Command("sh", "-eu", "-c", `. config/env.rc; a=$PATH; . config/env.rc; [ "$a" = "$PATH" ]`)
		cmd.Dir = c.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	t.Run("deb", func(t *testing.T) { testSameDeb(t, c) })
	t.Run("publish", func(t *testing.T) { testPublishSample(t, c) })
	t.Run("releases", func(t *testing.T) { testReleases(t, c) })
	t.Run("runtime package", func(t *testing.T) { testRuntimePackage(t, c) })
}

func testExecCodes(t *testing.T, c client) {
	plain := filepath.Join(c.dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(plain)
	for code, argv := range map[int][]string{
		7: {"sh", "-c", "exit 7"}, 127: {"no-such-command"}, 126: {"./plain"},
	} {
		if got := c.run(append([]string{"exec", "--"}, argv...)...); got.code != code {
			t.Errorf("%q: code %d, want %d: %s", argv, got.code, code, got.stderr)
		}
	}
}

// testSameDeb packages twice: here, and from a copy at another path with other
// times, umask, zone and locale.
func testSameDeb(t *testing.T, c client) {
	first := debOf(t, c)
	other := client{
		dir: filepath.Join(newDir(t), "another", "place"),
		env: append(append([]string{}, c.env...), "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8"),
	}
	script := `umask 077 && mkdir -p "$2" && cp -R "$1/." "$2" && rm -rf "$2/.envbuild" "$2/config/env.rc" "$2/script/env.sh" && find "$2" -exec touch -h {} +`
	if out, err := exec.Command("sh", "-c", script, "sh", c.dir, other.dir).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, out)
	}
	if second := debOf(t, other); second.SHA256 != first.SHA256 {
		t.Errorf("%+v and %+v differ", first, second)
	}
	out, err := exec.Command("dpkg-deb", "-f", first.Path, "Package", "Version", "Depends").Output()
	if err != nil || !strings.Contains(string(out), "Package: web-notes") || !strings.Contains(string(out), "libc6 (>=") {
		t.Errorf("control file: %s %v", out, err)
	}
}

func debOf(t *testing.T, c client, args ...string) madePackage {
	t.Helper()
	return debsOf(t, c, 1, args...)[0]
}

func debsOf(t *testing.T, c client, want int, args ...string) []madePackage {
	t.Helper()
	var doc struct{ Packages []madePackage }
	text := c.must(t, append([]string{"deb", "--json", "-o", newDir(t)}, args...)...)
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Packages) != want {
		t.Fatalf("deb printed %q, %v", text, err)
	}
	return doc.Packages
}
