package report

import (
	"fmt"
	"reflect"
	"testing"
)

func TestDiff(t *testing.T) {
	file := func(mode string, size int64, content string) FileState {
		return FileState{Mode: mode, Owner: "root:root", Size: size, Content: content}
	}
	owned := file("-rw-r--r--", 3, "c")
	owned.Owner = "web:web"
	a := Snapshot{
		Components: map[string]ComponentState{"A": {"1", "a"}, "B": {"1", "b"}, "C": {"1", "c"}, "D": {"1", "d"}},
		Fields:     map[string]string{"Depends": "x", "Same": "1", "Empty": ""},
		Scripts:    map[string]string{"postinst": "a\nb\n"},
		Files: map[string]FileState{
			"/a": file("-rw-r--r--", 3, "0123456789abcdef"), "/b": file("-rw-r--r--", 3, "b"), "/c": file("-rw-r--r--", 3, "c"),
			"/d": file("drwxr-xr-x", 0, ""), "/l": file("Lrwxrwxrwx", 0, "x"),
		},
	}
	b := Snapshot{
		Components: map[string]ComponentState{"A": {"2", "a2"}, "B": {"1", "0123456789abcdef"}, "D": {"1", "d"}, "E": {"1", "e"}},
		Fields:     map[string]string{"Depends": "y", "Same": "1"},
		Scripts:    map[string]string{"postinst": "a\n", "prerm": "x\n"},
		Files: map[string]FileState{
			"/a": file("-rw-r--r--", 3, "other"), "/b": file("-rwxr-xr-x", 3, "b"), "/c": owned, "/l": file("Lrwxrwxrwx", 0, "y"),
		},
	}
	want := []Change{
		{"component", "A", "1", "2"}, {"component", "B", "1 (archive b)", "1 (archive 0123456789ab)"}, {"component", "C", "1", ""}, {"component", "E", "", "1"},
		{"field", "Depends", "x", "y"}, {"field", "Empty", "(empty)", ""},
		{"script", "postinst", "2 lines", "1 line"}, {"script", "prerm", "", "1 line"},
		{"file", "/a", "-rw-r--r-- 3 bytes (0123456789ab)", "-rw-r--r-- 3 bytes (other)"},
		{"file", "/b", "-rw-r--r-- 3 bytes", "-rwxr-xr-x 3 bytes"}, {"file", "/c", "-rw-r--r-- root:root 3 bytes", "-rw-r--r-- web:web 3 bytes"},
		{"file", "/d", "drwxr-xr-x", ""}, {"file", "/l", "Lrwxrwxrwx → x", "Lrwxrwxrwx → y"},
	}
	if got := Diff(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if got := Diff(a, a); got == nil || len(got) > 0 {
		t.Errorf("a thing differs from itself: %q", got)
	}
}

func TestFold(t *testing.T) {
	changes := []Change{{"field", "Version", "1", "2"}}
	for i := range 30 {
		changes = append(changes, Change{"file", fmt.Sprintf("/opt/x/local/lib/%02d/f", i), "", "new"})
	}
	changes = append(changes, Change{"file", "/opt/x/local/z", "old", ""}, Change{"file", "/usr/share/doc/x/copyright", "a", "b"})
	if got := Fold(changes, 100); len(got) != len(changes) {
		t.Errorf("%d of %d", len(got), len(changes))
	}
	got := Fold(changes, 10)
	want := []Change{
		{"field", "Version", "1", "2"}, {"files", "/opt/x/local/lib/…", "", "30 new"},
		{"file", "/opt/x/local/z", "old", ""}, {"file", "/usr/share/doc/x/copyright", "a", "b"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}
