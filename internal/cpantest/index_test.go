package cpantest

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readIndex returns the lines after the header of the index in dir.
func readIndex(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, indexPath))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(text), "\n\n")
	if !ok {
		t.Fatalf("no empty line ends the header of %q", text)
	}
	var lines []string
	for line := range strings.Lines(body) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestWriteMirror(t *testing.T) {
	dir := t.TempDir()
	old := Dist{Name: "Foo", Version: "1", Files: map[string]string{
		"lib/Foo.pm": "package Foo;\nour $VERSION = 1;\n", "lib/foo/bar.pm": "package foo::bar;\n",
	}}
	young := Dist{Name: "Foo", Version: "2", Files: map[string]string{
		"lib/Foo.pm": "package Foo;\nour $VERSION = 2;\n", "lib/Foo/Baz.pm": "package Foo::Baz;\n",
	}}
	if err := WriteMirror(dir, old, young); err != nil {
		t.Fatal(err)
	}
	want := "Foo 2 E/EN/ENVBUILD/Foo-2.tar.gz\n" +
		"foo::bar undef E/EN/ENVBUILD/Foo-1.tar.gz\n" +
		"Foo::Baz undef E/EN/ENVBUILD/Foo-2.tar.gz"
	if got := readIndex(t, dir); got != want {
		t.Errorf("the index has\n%s\nnot\n%s", got, want)
	}
	for _, d := range []Dist{old, young} {
		if _, err := os.Stat(filepath.Join(dir, "authors/id", d.Path())); err != nil {
			t.Error(err)
		}
	}
}

func TestIndexLines(t *testing.T) {
	made := []archive{
		{row: row{Path: "Z/ZE/ZEN/Test-TCP-1.tar.gz"}, modules: []module{{Name: "Test::TCP", Version: "1"}, {Name: "Shared", Version: "1"}}},
		{row: row{Path: "A/AB/ABE/Bundle-1.tar.gz"}, modules: []module{{Name: "Test::TCP", Version: "9"}, {Name: "Shared", Version: "9"}}},
	}
	for range 2 {
		got := string(encodeIndex(indexLines(made)))
		for _, want := range []string{"A/AB/ABE/Bundle-1.tar.gz\nTest::TCP ", "1  Z/ZE/ZEN/Test-TCP-1.tar.gz\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		made[0], made[1] = made[1], made[0]
	}
}
