package store_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/build/store/storetest"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
)

func open(t *testing.T) *store.Store { return openAt(t, t.TempDir(), store.Options{}) }

func openAt(t *testing.T, root string, opts store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), root, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestConformance(t *testing.T) {
	t.Run("sources", func(t *testing.T) {
		storetest.TestSources(t, func(t *testing.T) storetest.Sources { return open(t) })
	})
	t.Run("outputs", func(t *testing.T) {
		storetest.TestOutputs(t, func(t *testing.T) storetest.Outputs { return open(t) })
	})
	t.Run("actions", func(t *testing.T) {
		storetest.TestActions(t, func(t *testing.T) storetest.Actions { return open(t) })
	})
	t.Run("history", func(t *testing.T) {
		storetest.TestHistory(t, func(t *testing.T) (storetest.History, storetest.Actions) {
			s := open(t)
			return s, s
		})
	})
	t.Run("facts", func(t *testing.T) {
		storetest.TestFacts(t, func(t *testing.T) storetest.Facts { return open(t) })
	})
}

// inMemory is a store whose records are in memory.
type inMemory struct {
	storetest.Outputs
	*storetest.Memory
}

// TestConformanceOfMemory runs the suite on what tests of the engine use.
func TestConformanceOfMemory(t *testing.T) {
	memory := func(t *testing.T) inMemory {
		s := open(t)
		return inMemory{s, storetest.NewMemory(s)}
	}
	t.Run("actions", func(t *testing.T) {
		storetest.TestActions(t, func(t *testing.T) storetest.Actions { return memory(t) })
	})
	t.Run("history", func(t *testing.T) {
		storetest.TestHistory(t, func(t *testing.T) (storetest.History, storetest.Actions) {
			m := memory(t)
			return m, m
		})
	})
	t.Run("facts", func(t *testing.T) {
		storetest.TestFacts(t, func(t *testing.T) storetest.Facts { return memory(t) })
	})
}

func TestOpen(t *testing.T) {
	root := filepath.Join(t.TempDir(), "deep", "store")
	openAt(t, root, store.Options{})
	openAt(t, root, store.Options{}) // a second time, by a second process
	tag, err := os.ReadFile(filepath.Join(root, "CACHEDIR.TAG"))
	if err != nil || !strings.HasPrefix(string(tag), "Signature: 8a477f597d28d172789f06886806bc55\n") {
		t.Errorf("CACHEDIR.TAG: %q, %v", tag, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("another format", func(t *testing.T) {
		root := t.TempDir()
		must(t, os.WriteFile(filepath.Join(root, "version"), []byte("envbuild-store-9\n"), 0o644))
		_, err := store.Open(t.Context(), root, store.Options{})
		var format *store.FormatError
		if !errors.As(err, &format) || format.Found != "envbuild-store-9" || format.Hint() == "" {
			t.Error(err)
		}
	})
	t.Run("a directory with other things", func(t *testing.T) {
		root := t.TempDir()
		must(t, os.WriteFile(filepath.Join(root, "thesis.tex"), nil, 0o644))
		_, err := store.Open(t.Context(), root, store.Options{})
		var foreign *store.ForeignDirectoryError
		if !errors.As(err, &foreign) || foreign.Entry != "thesis.tex" || foreign.Hint() == "" {
			t.Error(err)
		}
	})
	t.Run("another owner", func(t *testing.T) {
		const other = 12345
		root, want := t.TempDir(), other
		if os.Geteuid() != 0 {
			root, want = "/usr", 0 // only root can give a directory away
		} else if err := os.Chown(root, other, -1); err != nil {
			t.Fatal(err)
		}
		_, err := store.Open(t.Context(), root, store.Options{})
		var owner *store.OwnerError
		if !errors.As(err, &owner) || owner.Owner != want || owner.Hint() == "" {
			t.Error(err)
		}
	})
}

func write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func putOutput(t *testing.T, s *store.Store, files map[string]string) *store.Output {
	t.Helper()
	dir, remove, err := s.TempDir("step")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, remove()) })
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	out, err := s.PutOutput(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
	return out
}

// overwrite damages a read-only file.
func overwrite(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.Chmod(path, 0o644))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func TestDamagedSourceIsDropped(t *testing.T) {
	root := t.TempDir()
	d, _, err := openAt(t, root, store.Options{}).AddSource(digest.SHA256{}, func(w io.Writer) error {
		_, err := io.WriteString(w, "archive")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var warnings []error
	s := openAt(t, root, store.Options{Warn: func(err error) { warnings = append(warnings, err) }})
	path := filepath.Join(root, "sources", d.String()[:2], d.String())
	overwrite(t, path, "Archive")
	if _, ok := s.Source(d); ok {
		t.Error("a damaged source was handed out")
	}
	var corrupt *store.CorruptError
	if len(warnings) != 1 || !errors.As(warnings[0], &corrupt) {
		t.Errorf("warnings: %v", warnings)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestVerifyNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(tree string) error
		file   string
	}{
		"content":    {func(tree string) error { return os.WriteFile(tree+"/lib/b", []byte("2"), 0o644) }, "lib/b"},
		"missing":    {func(tree string) error { return os.Remove(tree + "/lib/b") }, "lib/b"},
		"more":       {func(tree string) error { return os.WriteFile(tree+"/lib/c", nil, 0o644) }, "lib/c"},
		"bit":        {func(tree string) error { return os.Chmod(tree+"/a", 0o755) }, "a"},
		"kind":       {func(tree string) error { return errors.Join(os.Remove(tree+"/a"), os.Symlink("x", tree+"/a")) }, "a"},
		"pipe":       {func(tree string) error { return syscall.Mkfifo(tree+"/p", 0o644) }, "p"},
		"tree":       {os.RemoveAll, ""},
		"manifest":   {func(tree string) error { return os.Truncate(tree+"/../manifest", 30) }, "manifest"},
		"manifest 2": {func(tree string) error { return os.Remove(tree + "/../manifest") }, "manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			out := putOutput(t, s, map[string]string{"a": "0", "lib/b": "1"})
			must(t, s.Verify(t.Context(), out.ID))
			must(t, c.damage(out.Tree))
			err := s.Verify(t.Context(), out.ID)
			var corrupt *store.CorruptError
			if !errors.As(err, &corrupt) || corrupt.File != c.file || !errors.Is(err, store.ErrMissing) {
				t.Errorf("%v", err)
			}
			// The same content again mends it.
			if again := putOutput(t, s, map[string]string{"a": "0", "lib/b": "1"}); again.ID != out.ID {
				t.Errorf("another ID: %v", again.ID)
			}
			must(t, s.Verify(t.Context(), out.ID))
		})
	}
}

// TestOutputOfAnotherBoot: what a crash of the machine may have torn, or what was
// carried here from another one, is hashed before it is used.
func TestOutputOfAnotherBoot(t *testing.T) {
	root := t.TempDir()
	first := openAt(t, root, store.Options{BootID: "1"})
	sound := putOutput(t, first, map[string]string{"a": "sound"})
	torn := putOutput(t, first, map[string]string{"a": "torn"})
	action := &store.Action{Key: digest.Key{1}, Output: torn.ID}
	if _, err := first.PutAction(t.Context(), action); err != nil {
		t.Fatal(err)
	}
	must(t, os.Truncate(filepath.Join(torn.Tree, "a"), 0))
	if _, err := first.Output(t.Context(), torn.ID); err != nil {
		t.Errorf("hashed although nothing happened: %v", err)
	}
	var warnings []error
	second := openAt(t, root, store.Options{BootID: "2", Warn: func(err error) { warnings = append(warnings, err) }})
	for range 2 {
		if _, err := second.Output(t.Context(), sound.ID); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if _, err := second.LookupAction(t.Context(), action.Key); !errors.Is(err, store.ErrMissing) {
			t.Errorf("a torn output is a hit: %v", err)
		}
	}
	if len(warnings) != 1 {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestPutOutputRefusesSpecialFiles(t *testing.T) {
	s := open(t)
	dir, _, err := s.TempDir("step")
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.Mkdir(dir+"/run", 0o755))
	must(t, syscall.Mkfifo(dir+"/run/pipe", 0o644))
	_, err = s.PutOutput(t.Context(), dir)
	var fileType *tree.TypeError
	if !errors.As(err, &fileType) || fileType.Path != "run/pipe" {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

// TestPutOutputDetaches: nobody can change an output through a name that a file
// has elsewhere.
func TestPutOutputDetaches(t *testing.T) {
	s := open(t)
	dir, _, err := s.TempDir("step")
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(filepath.Dir(dir), "outside")
	write(t, outside, "1")
	must(t, os.Chmod(outside, 0o755))
	must(t, os.Link(outside, dir+"/a"))
	must(t, os.Link(outside, dir+"/b"))
	out, err := s.PutOutput(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.WriteFile(outside, []byte("2"), 0o644))
	must(t, s.Verify(t.Context(), out.ID))
	if e, ok := out.Manifest.Entry("b"); !ok || e.Kind != tree.Hardlink || e.Target != "a" || !e.Executable() {
		t.Errorf("b is %+v", e)
	}
}

// TestPutOutputClosed: what its owner can't read or move becomes an output all the
// same. Root may read everything, so this shows something for others only.
func TestPutOutputClosed(t *testing.T) {
	s := open(t)
	dir, _, err := s.TempDir("step")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/closed/secret", "1")
	must(t, os.Chmod(dir+"/closed/secret", 0))
	must(t, os.Chmod(dir+"/closed", 0))
	must(t, os.Chmod(dir, 0o555))
	out, err := s.PutOutput(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := out.Manifest.Entry("closed/secret"); !ok || e.Size != 1 || e.Executable() {
		t.Errorf("%+v", e)
	}
}

func TestPutOutputCancelled(t *testing.T) {
	s := open(t)
	dir, _, err := s.TempDir("step")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.PutOutput(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMalformedActionIsAMiss(t *testing.T) {
	s := open(t)
	key := digest.Key{1}
	path := filepath.Join(s.Root(), "actions", key.String()[:2], key.String())
	for _, content := range []string{"", "{", "null", "[]", `{"key":"` + digest.Key{2}.String() + `"}`} {
		write(t, path, content)
		if _, err := s.LookupAction(t.Context(), key); !errors.Is(err, store.ErrMissing) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestLock(t *testing.T) {
	root := t.TempDir()
	a, b := openAt(t, root, store.Options{}), openAt(t, root, store.Options{})
	unlock, waited, err := a.Lock(t.Context(), "key", nil)
	if err != nil || waited {
		t.Fatal(waited, err)
	}
	if other, waited, err := b.Lock(t.Context(), "other", nil); err != nil || waited {
		t.Error(waited, err)
	} else {
		must(t, other())
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, waited, err := b.Lock(ctx, "key", cancel); !waited || !errors.Is(err, context.Canceled) {
		t.Error(waited, err)
	}
	again, waited, err := b.Lock(t.Context(), "key", func() { must(t, unlock()) })
	if err != nil || !waited {
		t.Fatal(waited, err)
	}
	must(t, again())
}

// A copy of a store, such as a CI system's cache, may lack the empty directories.
func TestOpenWithoutEmptyDirectories(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "version"), []byte("envbuild-store-1\n"), 0o644))
	s := openAt(t, root, store.Options{})
	unlock, _, err := s.Lock(t.Context(), "work", nil)
	if err != nil {
		t.Fatal(err)
	}
	must(t, unlock())
	if _, _, err := s.AddSource(digest.SHA256{}, func(io.Writer) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	alive := openAt(t, root, store.Options{})
	kept, _, err := alive.TempDir("work")
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(root, "tmp", "123")
	write(t, left+".lock", "")
	write(t, left+"/work-1/work/x", "")
	must(t, os.Chmod(left+"/work-1/work", 0))
	write(t, filepath.Join(root, "tmp", "no-lock", "y"), "")
	openAt(t, root, store.Options{})
	entries, err := os.ReadDir(filepath.Join(root, "tmp"))
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a living process's directory was removed: %v", err)
	}
}

func TestHistory(t *testing.T) {
	root := t.TempDir()
	s := openAt(t, root, store.Options{})
	if keys := s.LastKeys("/p", ""); len(keys) != 0 {
		t.Errorf("keys of a project never built: %v", keys)
	}
	must(t, s.SetLastKeys("/p", "", map[string]digest.Key{"a": {1}, "b": {2}}))
	must(t, s.SetLastKeys("/p", "", map[string]digest.Key{"a": {1}, "b": {3}}))
	must(t, s.SetLastKeys("/p", "debian-13", map[string]digest.Key{"a": {4}}))
	must(t, s.SetLastKeys("/q", "", map[string]digest.Key{"a": {9}}))
	if keys := s.LastKeys("/p", ""); len(keys) != 2 || keys["a"] != (digest.Key{1}) || keys["b"] != (digest.Key{3}) {
		t.Errorf("keys: %v", keys)
	}
	if keys := s.LastKeys("/p", "debian-13"); len(keys) != 1 || keys["a"] != (digest.Key{4}) {
		t.Errorf("keys of another target: %v", keys)
	}
	before := `{"project":"/old","steps":{"a":"` + (digest.Key{5}).String() + `"}}`
	write(t, filepath.Join(root, "last", digest.Sum([]byte("/old")).String()), before)
	if keys := s.LastKeys("/old", ""); len(keys) != 1 || keys["a"] != (digest.Key{5}) {
		t.Errorf("keys from before there were targets: %v", keys)
	}

	if d := s.Duration("perl", "5.36.0"); d != 0 {
		t.Errorf("duration of what never ran: %v", d)
	}
	for i, v := range []string{"5.36.0", "5.40.1"} {
		a := &store.Action{Key: digest.Key{byte(i)}, Output: digest.ID{1}, Step: "perl", Version: v, Duration: time.Duration(i+1) * time.Second}
		if _, err := s.PutAction(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*store.Store{s, openAt(t, root, store.Options{})} {
		for version, want := range map[string]time.Duration{"5.36.0": time.Second, "5.40.1": 2 * time.Second, "5.42.0": 2 * time.Second} {
			if got := s.Duration("perl", version); got != want {
				t.Errorf("%s took %v, want %v", version, got, want)
			}
		}
	}
}

func TestFacts(t *testing.T) {
	s := open(t)
	d := digest.Sum(nil)
	if _, ok := s.Fact("libs", d); ok {
		t.Error("a fact out of nothing")
	}
	for _, data := range []string{"", "x"} {
		must(t, s.PutFact("libs", d, []byte(data)))
		if got, ok := s.Fact("libs", d); !ok || string(got) != data {
			t.Errorf("got %q, %v", got, ok)
		}
	}
	overwrite(t, filepath.Join(s.Root(), "facts", "libs", d.String()[:2], d.String()), strings.Repeat("x", 40))
	if got, ok := s.Fact("libs", d); ok {
		t.Errorf("a damaged fact: %q", got)
	}
	if err := s.PutFact("../libs", d, nil); err == nil {
		t.Error("a kind led out of the store")
	}
}

func TestViews(t *testing.T) {
	s := open(t)
	path, ok := s.View("abc")
	if ok || path != filepath.Join(s.Root(), "v", "abc") || path != s.ViewPath("abc") {
		t.Errorf("%s, %v", path, ok)
	}
	dir, _, err := s.TempDir("view")
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.Rename(dir, path))
	if _, ok := s.View("abc"); !ok {
		t.Error("the view is not there")
	}
}
