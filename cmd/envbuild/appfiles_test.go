package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/envbuild/envbuild/pkgspec"
)

func TestAppFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lib/A.pm", "lib/t/a.t", "script/web", "script/env.sh", "config/env.rc", "app.psgi", "README", "public/css/x.css"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("web", filepath.Join(dir, "script/link")); err != nil {
		t.Fatal(err)
	}
	spec := &pkgspec.Spec{Dir: dir, App: &pkgspec.App{Files: []string{"lib", "script", "*.psgi", "public/*/x.css"}, Exclude: []string{"**/*.t"}}}
	files, err := appFiles(spec)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.name+f.target)
	}
	if want := []string{"app.psgi", "lib/A.pm", "public/css/x.css", "script/linkweb", "script/web"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	spec.App.Files = append(spec.App.Files, "nothing")
	if _, err := appFiles(spec); err == nil {
		t.Error("a pattern that matches nothing was accepted")
	}
}
