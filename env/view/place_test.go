package view

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/tree"
)

// TestPlaces puts one output at two places, between others: it is written once.
func TestPlaces(t *testing.T) {
	req := request(t, nil, files{"index": "of " + bundleFrom, "*bin/run": "x"}, files{"top": "y"})
	layers := req.Parts[1].Layers
	layers[0].Place = "modules/a"
	again := layers[0]
	again.Place = "modules/b/modules/a"
	req.Parts[1].Layers = append(layers, again)
	mustMake(t, req)
	for _, name := range []string{"local/modules/a/index", "local/modules/b/modules/a/index"} {
		if got := content(t, req, name); got != "of /opt/app/local" {
			t.Errorf("%s is %q", name, got)
		}
	}
	first, err := os.Stat(filepath.Join(req.Dest, "local/modules/a/bin/run"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(filepath.Join(req.Dest, "local/modules/b/modules/a/bin/run"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(first, second) {
		t.Error("an output at two places takes its size twice")
	}
	for _, place := range []string{"../out", "/abs", "a/../b", "a//b"} {
		req.Parts[1].Layers[0].Place = place
		if _, err := Make(t.Context(), req); err == nil || !strings.Contains(err.Error(), "is not a clean path") {
			t.Errorf("%q: %v", place, err)
		}
	}
}

// TestLayersOfOneName keeps the files of two outputs apart that have one name.
func TestLayersOfOneName(t *testing.T) {
	req := request(t, nil, files{"name": "first"}, files{"name": "second"})
	layers := req.Parts[1].Layers
	layers[0].Place, layers[1].Place = "a", "b"
	layers[1].Name = layers[0].Name
	mustMake(t, req)
	for name, want := range map[string]string{"local/a/name": "first", "local/b/name": "second"} {
		if got := content(t, req, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// TestExtra adds what no output has.
func TestExtra(t *testing.T) {
	req := request(t, nil, files{"*bin/a": "x"})
	req.Extra = []tree.Entry{
		{Path: "bin/a", Kind: tree.Symlink, Target: "../local/bin/a"},
		{Path: "etc/paths", Content: []byte("prefix=" + bundleFrom + "\n"), Mode: 0o755},
	}
	mustMake(t, req)
	if got := content(t, req, "etc/paths"); got != "prefix=/opt/app/local\n" {
		t.Errorf("the file holds %q", got)
	}
	if got := content(t, req, "bin/a"); got != "x" {
		t.Errorf("the symlink leads to %q", got)
	}
	if fi, err := os.Stat(filepath.Join(req.Dest, "etc/paths")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", fi, err)
	}
	for _, path := range []string{"local/bin/a", "local/bin", "local/bin/a/below"} {
		req.Extra = []tree.Entry{{Path: path}}
		req.Dest += "x"
		var conflict *ConflictError
		if _, err := Make(t.Context(), req); !errors.As(err, &conflict) {
			t.Errorf("%s: %v", path, err)
		}
	}
	req.Extra = []tree.Entry{{Path: "a", Kind: tree.Dir}}
	if _, err := Make(t.Context(), req); err == nil {
		t.Error("a directory was accepted")
	}
	nothingElse(t, req)
}

// nothingElse fails if anything but views is left.
func nothingElse(t *testing.T, req Request) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(req.Dest), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
}
