package sandbox

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/tree"
)

const (
	ownRuntime = "/tmp/R2sD7fGh4JkL9qWeRt1YuIoP6aZxCv3BnMm8NbVcXzLkJhGfDsA5pOiUyTr"
	ownBundle  = "/tmp/B5gT8yHn2UjM4kIo9lPq1aZsXw3eDcRf6vTgBy7hNuJmKiLoPzAxSwQdErF"
)

var testSwaps = []swap{{testRuntime, ownRuntime}, {testBundle, ownBundle}}

func swapBytes(data []byte, swaps []swap) []byte {
	out := bytes.Clone(data)
	for _, m := range find(data, swaps) {
		copy(out[m.offset:], m.swap.to)
	}
	return out
}

// FuzzSwap swaps paths in any bytes and back.
func FuzzSwap(f *testing.F) {
	f.Add([]byte("#!"+testRuntime+"/bin/perl"), 0)
	f.Add([]byte(testRuntime+testBundle+testRuntime[1:]), 7)
	f.Add([]byte(testRuntime[32:]+testRuntime), 40)
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		if at >= 0 && at <= len(data) {
			data = append(data[:at:at], append([]byte(testBundle), data[at:]...)...)
		}
		if len(find(data, reversed(testSwaps))) > 0 {
			return // it has the other path already
		}
		there := swapBytes(data, testSwaps)
		if len(there) != len(data) || bytes.Contains(there, []byte(testRuntime)) || bytes.Contains(there, []byte(testBundle)) {
			t.Errorf("%q became %q", data, there)
		}
		if string(there) != swapString(string(data), testSwaps) {
			t.Errorf("bytes %q, string %q", there, swapString(string(data), testSwaps))
		}
		if back := swapBytes(there, reversed(testSwaps)); !bytes.Equal(back, data) {
			t.Errorf("%q came back as %q", data, back)
		}
	})
}

// FuzzLeaks compares the search for pieces with the obvious one.
func FuzzLeaks(f *testing.F) {
	f.Add([]byte("xx" + ownRuntime[20:28] + "yy"))
	f.Add([]byte(ownRuntime[20:27]))
	f.Add([]byte("/tmp/R2s"))
	l := newLeaks([]string{ownRuntime, ownBundle}, len("/tmp/"))
	f.Fuzz(func(t *testing.T, data []byte) {
		want := -1
		for i := 0; i+window <= len(data) && want < 0; i++ {
			piece := string(data[i : i+window])
			if strings.Contains(ownRuntime[5:], piece) || strings.Contains(ownBundle[5:], piece) {
				want = i
			}
		}
		if got := l.in(data); got != want {
			t.Errorf("%q: %d, want %d", data, got, want)
		}
	})
}

func TestSwapTree(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(path("a"), []byte("x"+testRuntime+"y"+testRuntime), 0o444))
	must(t, os.Link(path("a"), path("b")))
	must(t, os.WriteFile(path("plain"), []byte("plain"), 0o644))
	must(t, os.Symlink(testBundle+"/lib", path("link")))
	old := time.Unix(1e9, 5)
	must(t, os.Chtimes(path("a"), old, old))
	plain, err := os.Lstat(path("plain"))
	must(t, err)

	hits, err := swapTree(dir, testSwaps)
	must(t, err)
	if !hits[testRuntime] || !hits[testBundle] || len(hits) != 2 {
		t.Errorf("%v", hits)
	}
	got, err := os.ReadFile(path("b"))
	must(t, err)
	if string(got) != "x"+ownRuntime+"y"+ownRuntime {
		t.Errorf("%q", got)
	}
	fi, err := os.Lstat(path("a"))
	must(t, err)
	if _, n := tree.InodeOf(fi); n != 2 || fi.Mode() != 0o444 || !fi.ModTime().Equal(old) {
		t.Errorf("%d names, %v, %v", n, fi.Mode(), fi.ModTime())
	}
	if target, err := os.Readlink(path("link")); err != nil || target != ownBundle+"/lib" {
		t.Errorf("%q, %v", target, err)
	}
	if now, err := os.Lstat(path("plain")); err != nil || identify(now) != identify(plain) {
		t.Error("a file without a path was touched")
	}
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	path := func(name string) string { return filepath.Join(from, name) }
	must(t, os.MkdirAll(path("d/e"), 0o755))
	must(t, os.WriteFile(path("d/f"), []byte("f"), 0o755))
	must(t, os.Link(path("d/f"), path("g")))
	must(t, os.Symlink("nowhere", path("d/l")))
	must(t, syscall.Mkfifo(path("p"), 0o600))
	old := time.Unix(1e9, 0)
	must(t, os.Chtimes(path("d/f"), old, old))
	must(t, os.Chtimes(path("d"), old, old))
	must(t, os.Chmod(path("d/e"), 0o555))
	must(t, os.MkdirAll(filepath.Join(to, "d"), 0o755))
	must(t, os.WriteFile(filepath.Join(to, "d/l"), []byte("first"), 0o644))

	must(t, copyTree(from, to))
	for name, want := range map[string]fs.FileMode{
		"d/e": fs.ModeDir | 0o555, "d/f": 0o755, "g": 0o755, "d/l": 0o644, "p": fs.ModeNamedPipe | 0o600,
	} {
		if fi, err := os.Lstat(filepath.Join(to, name)); err != nil || fi.Mode() != want {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	f, _ := os.Lstat(filepath.Join(to, "d/f"))
	g, _ := os.Lstat(filepath.Join(to, "g"))
	original, _ := os.Lstat(path("g"))
	if !os.SameFile(f, g) || os.SameFile(f, original) || !f.ModTime().Equal(old) {
		t.Error("hard links or times are wrong")
	}
	must(t, copyAndRemove(to, t.TempDir()))
	if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestSameContent(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 64<<10)
	for i, tt := range []struct {
		a, b string
		same bool
	}{
		{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "ab", false},
		{long, long, true}, {long, long + "y", false}, {long + "y", long + "z", false},
	} {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		must(t, os.WriteFile(a, []byte(tt.a), 0o644))
		must(t, os.WriteFile(b, []byte(tt.b), 0o644))
		if same, err := tree.SameContent(a, b); err != nil || same != tt.same {
			t.Errorf("%d: %v, %v", i, same, err)
		}
	}
}

func TestNewCopyPath(t *testing.T) {
	a, err := newCopyPath("/tmp")
	must(t, err)
	b, err := newCopyPath("/tmp")
	must(t, err)
	if len(a) != pathLen || len(b) != pathLen || a == b || filepath.Dir(a) != "/tmp" {
		t.Errorf("%s, %s", a, b)
	}
	for _, root := range []string{"tmp", "/" + strings.Repeat("x", 32)} {
		if _, err := newCopyPath(root); err == nil {
			t.Errorf("%s: no error", root)
		}
	}
}
