package deploy

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
	files, err := listAppFiles(spec)
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
	for directory, want := range map[string]bool{
		"lib": true, "lib/A": true, "pgdata": false, "public": true, "public/css": true, "public/css/x.css": true, "public/css/y": false,
	} {
		if got := isReached(spec.App, directory); got != want {
			t.Errorf("%s is reached: %v", directory, got)
		}
	}
	if !isReached(&pkgspec.App{Files: []string{"**/*.js"}}, "a/b") || isReached(&pkgspec.App{Files: []string{"**/*.js"}, Exclude: []string{"a"}}, "a/b") {
		t.Error("** or exclude")
	}
	spec.App.Files = append(spec.App.Files, "nothing")
	if _, err := listAppFiles(spec); err == nil {
		t.Error("a pattern that matches nothing was accepted")
	}
}
