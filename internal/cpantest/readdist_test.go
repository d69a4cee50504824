package cpantest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// directory writes files below a new directory of that name and returns its path.
func directory(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for file, text := range files {
		if err := put(filepath.Join(dir, file), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadDist(t *testing.T) {
	d, err := ReadDist(directory(t, "Foo-Bar-0.1", map[string]string{
		"lib/Foo/Bar.pm": "package Foo::Bar;\n1;\n",
		"bin/foo":        "#!perl\n",
		"dist.json":      `{"requires": {"Baz": "1"}, "omit": ["Makefile.PL"]}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d.Release() != "Foo-Bar-0.1" || d.Name != "Foo-Bar" || d.Requires["Baz"] != "1" || len(d.Files) != 2 {
		t.Errorf("%+v", d)
	}
	files, err := d.allFiles()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := files["Makefile.PL"]; ok {
		t.Error("Makefile.PL was added")
	}
	if !strings.Contains(files["META.json"], `"Baz": "1"`) {
		t.Errorf("META.json lacks the requirement:\n%s", files["META.json"])
	}
}

func TestReadDistErrors(t *testing.T) {
	tests := []struct{ name, json, want string }{
		{"Foo", "{}", "NAME-VERSION"},
		{"-1", "{}", "NAME-VERSION"},
		{"Foo-1", "{", "Foo-1/dist.json"},
		{"Foo-1", `{"require": {}}`, `unknown field "require"`},
	}
	for _, tt := range tests {
		_, err := ReadDist(directory(t, tt.name, map[string]string{"dist.json": tt.json}))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with %s: the error is %v, want %q", tt.name, tt.json, err, tt.want)
		}
	}
	if _, err := ReadDist(filepath.Join(t.TempDir(), "Foo-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent directory: %v", err)
	}
}
