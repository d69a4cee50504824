package tree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
)

// sample writes a tree: a.d sorts before what is in a, as a walk wouldn't have it.
func sample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "a/empty"), 0o755),
		os.WriteFile(filepath.Join(dir, "a/run"), []byte("x"), 0o755),
		os.WriteFile(filepath.Join(dir, "a.d"), []byte("long"), 0o600),
		os.Link(filepath.Join(dir, "a/run"), filepath.Join(dir, "a-run")),
		os.Symlink("nowhere", filepath.Join(dir, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestScan(t *testing.T) {
	dir := sample(t)
	got, err := Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Sum(t.Context(), got, 2); err != nil {
		t.Fatal(err)
	}
	x := digest.Sum([]byte("x"))
	at := func(p string) string { return filepath.Join(dir, p) }
	want := []Entry{
		{Path: "a", Kind: Dir, Mode: 0o755},
		{Path: "a-run", Mode: 0o755, Source: at("a-run"), Size: 1, SHA256: x},
		{Path: "a.d", Mode: 0o600, Source: at("a.d"), Size: 4, SHA256: digest.Sum([]byte("long"))},
		{Path: "a/empty", Kind: Dir, Mode: 0o755},
		{Path: "a/run", Kind: Hardlink, Mode: 0o755, Target: "a-run", Source: at("a/run"), Size: 1, SHA256: x},
		{Path: "link", Kind: Symlink, Target: "nowhere"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestScanStops(t *testing.T) {
	dir := sample(t)
	stop := errors.New("stop")
	var entered []string
	_, err := ScanFunc(dir, func(name string) error {
		entered = append(entered, name)
		if filepath.Base(name) == "empty" {
			return stop
		}
		return nil
	})
	if want := []string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "a/empty")}; !errors.Is(err, stop) || !reflect.DeepEqual(entered, want) {
		t.Errorf("%v after %q", err, entered)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "a/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	var other *TypeError
	if _, err := Scan(dir); !errors.As(err, &other) || other.Path != "a/fifo" || other.Type() != "a named pipe" {
		t.Errorf("%v", err)
	}
	if _, err := Scan(filepath.Join(dir, "a.d")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v", err)
	}
	if _, err := Scan(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestSumStops(t *testing.T) {
	gone := []Entry{{Path: "a", Source: filepath.Join(t.TempDir(), "a")}, {Path: "b"}}
	if err := Sum(t.Context(), gone, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Sum(ctx, []Entry{{Path: "b"}}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestMove(t *testing.T) {
	entries := []Entry{{Path: "b"}, {Path: "a", Kind: Hardlink, Target: "b"}, {Path: "c", Kind: Symlink, Target: "b"}}
	got := Move(entries, func(p string) string { return "/opt/" + p })
	Sort(got)
	want := []Entry{{Path: "/opt/a", Kind: Hardlink, Target: "/opt/b"}, {Path: "/opt/b"}, {Path: "/opt/c", Kind: Symlink, Target: "b"}}
	if !reflect.DeepEqual(got, want) || entries[0].Path != "b" {
		t.Errorf("%+v from %+v", got, entries)
	}
	if e, ok := Find(got, "/opt/b"); !ok || e.Path != "/opt/b" {
		t.Errorf("found %+v", e)
	}
	if _, ok := Find(got, "/opt/d"); ok {
		t.Error("found what isn't there")
	}
}

func TestPermissions(t *testing.T) {
	for _, c := range []struct {
		e          Entry
		want       fs.FileMode
		executable bool
	}{
		{Entry{}, 0o644, false},
		{Entry{Mode: 0o711}, 0o711, true},
		{Entry{Kind: Dir}, 0o755, false},
		{Entry{Kind: Dir, Mode: 0o700}, 0o700, false},
		{Entry{Kind: Symlink}, 0o777, false},
		{Entry{Kind: Hardlink, Mode: 0o755}, 0o755, true},
	} {
		if got := c.e.Permissions(); got != c.want || c.e.Executable() != c.executable {
			t.Errorf("a %s of %o: %o, executable %v", c.e.Kind, c.e.Mode, got, c.e.Executable())
		}
	}
}

func TestOpen(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{{Source: source}, {Content: []byte("text")}} {
		f, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil || string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path, dir string
		want      bool
	}{
		{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/", "/a", false}, {"/a", "/", true}, {"a/b", "a", true}, {"a", "/", false},
	} {
		if got := Within(c.path, c.dir); got != c.want {
			t.Errorf("%s within %s: %v", c.path, c.dir, got)
		}
	}
}

func TestCopyAndCompare(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	long := strings.Repeat("x", 1<<17)
	for name, text := range map[string]string{"a": long, "b": long + "y", "c": long[1:] + "z", "empty": ""} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := CopyFile(at("a"), at("copy")); err != nil {
		t.Fatal(err)
	}
	if err := CopyFile(at("b"), at("copy")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if fi, err := os.Stat(at("copy")); err != nil || fi.Mode() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "empty": false} {
		if got, err := SameContent(at("copy"), at(name)); got != want || err != nil {
			t.Errorf("like %s: %v, %v", name, got, err)
		}
	}
	if _, err := SameContent(at("a"), at("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestRemoveAll(t *testing.T) {
	dir := sample(t)
	if err := errors.Join(os.Chmod(filepath.Join(dir, "a/empty"), 0), os.Chmod(filepath.Join(dir, "a"), 0)); err != nil {
		t.Fatal(err)
	}
	if err := RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
