package pkgspec

import (
	"path"
	"strings"
	"testing"
)

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

// FuzzIncludes compares with what the patterns mean, said without regard to time.
func FuzzIncludes(f *testing.F) {
	for _, c := range [][2]string{
		{"**/a/**/b", "x/a/y/b"}, {"**/**/*.t", "a/b.t"}, {"lib/[a-", "lib/a"}, {"", "a"}, {"**/a/**/a/**/b", "a/a/a/a"},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.Count(pattern, "/") > 5 || strings.Count(name, "/") > 7 {
			return
		}
		p := strings.Split(strings.TrimSuffix(pattern, "/"), "/")
		if got, want := covers([]string{pattern}, name), plainly(p, strings.Split(name, "/")); got != want {
			t.Errorf("%q covers %q: %v", pattern, name, got)
		}
	})
}

func plainly(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return true
	case pattern[0] == "**":
		return plainly(pattern[1:], name) || len(name) > 0 && plainly(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return err == nil && ok && plainly(pattern[1:], name[1:])
}
