package pkgspec

import "testing"

func TestAppIncludes(t *testing.T) {
	a := &App{
		Files:   []string{"lib", "script/", "*.psgi", "share/**/*.sql", "a?c/[xy]"},
		Exclude: []string{"**/*.t", "lib/Private", "**/.git"},
	}
	for name, want := range map[string]bool{
		"lib/App.pm": true, "lib/a/b/c.pm": true, "libx/App.pm": false, "other/lib/App.pm": false,
		"script/web": true, "app.psgi": true, "x/app.psgi": false,
		"share/a.sql": true, "share/x/y/a.sql": true, "share/a.txt": false,
		"abc/x": true, "abc/z": false, "abc/y/deep": true,
		"lib/x.t": false, "lib/a/x.t": false, "lib/Private/X.pm": false, "lib/PrivateX.pm": true, "lib/.git/config": false,
	} {
		if got := a.Includes(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (&App{}).Includes("x") {
		t.Error("an application without files holds one")
	}
	if !(&App{Files: []string{"**"}}).Includes("a/b") {
		t.Error("** doesn't hold everything")
	}
}
