package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one", "two, longer", ""} {
		if err := Write(path, []byte(content), 0o664); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Fatalf("read %q, %v; want %q", got, err, content)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode() != 0o664 {
			t.Fatalf("mode %v, %v", fi.Mode(), err)
		}
	}
}

func TestWriteFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "directory")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x"), 0o644); err == nil {
		t.Fatal("a directory was replaced by a file")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}

func TestCreateTemp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, name := range []string{TempPrefix + "f-dead", TempPrefix + "g-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, err := createTemp(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := createTemp(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("there are %v, %v; want two of the path and one of another", entries, err)
	}
	for _, name := range []string{first.Name(), second.Name(), filepath.Join(dir, TempPrefix+"g-1")} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	bad := errors.New("bad")
	for _, want := range []error{nil, bad} {
		err := Create(path, 0o640, func(w io.Writer) error {
			_, err := io.WriteString(w, "text")
			return errors.Join(err, want)
		})
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	got, err := os.ReadFile(path)
	fi, serr := os.Stat(path)
	if err := errors.Join(err, serr); err != nil || string(got) != "text" || fi.Mode() != 0o640 {
		t.Errorf("%q, %v, %v", got, fi, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
}
