// Package storetest is the conformance suite of stores: what every store must do
// with sources, outputs and actions, wherever it keeps them.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// Sources is the part of a store that keeps archives.
type Sources interface {
	Source(d digest.SHA256) (path string, ok bool)
	AddSource(want digest.SHA256, fill func(w io.Writer) error) (got digest.SHA256, size int64, err error)
}

// Outputs is the part of a store that keeps trees.
type Outputs interface {
	TempDir(prefix string) (path string, remove func() error, err error)
	PutOutput(ctx context.Context, dir string) (*store.Output, error)
	Output(ctx context.Context, id digest.ID) (*store.Output, error)
	Verify(ctx context.Context, id digest.ID) error
}

// Actions is the part of a store that keeps records, with the outputs that they
// name.
type Actions interface {
	keeper
	PutAction(ctx context.Context, a *store.Action) (*store.Action, error)
	LookupAction(ctx context.Context, key digest.Key) (*store.Action, error)
	RecordedAction(key digest.Key) (*store.Action, error)
	Sync() error
}

// TestSources runs the suite for sources. Open returns an empty store.
func TestSources(t *testing.T, open func(t *testing.T) Sources) {
	t.Run("absent", func(t *testing.T) {
		if path, ok := open(t).Source(digest.Sum([]byte("x"))); ok {
			t.Errorf("found %s in an empty store", path)
		}
	})
	t.Run("added", func(t *testing.T) {
		s := open(t)
		for _, content := range []string{"", "one", string(random(1 << 20))} {
			addSource(t, s, content)
			addSource(t, s, content)
		}
	})
	t.Run("unknown digest", func(t *testing.T) {
		s := open(t)
		got, size, err := s.AddSource(digest.SHA256{}, writer("found"))
		if want := digest.Sum([]byte("found")); err != nil || got != want || size != 5 {
			t.Fatalf("got %v, %d bytes, %v; want %v", got, size, err, want)
		}
		wantSource(t, s, "found")
	})
	t.Run("wrong bytes", func(t *testing.T) {
		s := open(t)
		want, other := digest.Sum([]byte("right")), digest.Sum([]byte("wrong"))
		got, size, err := s.AddSource(want, writer("wrong"))
		var mismatch *store.MismatchError
		if !errors.As(err, &mismatch) || got != other || size != 5 {
			t.Errorf("got %v, %d bytes, %v", got, size, err)
		}
		for _, d := range []digest.SHA256{want, other} {
			if _, ok := s.Source(d); ok {
				t.Errorf("%v was stored", d)
			}
		}
	})
	t.Run("broken off", func(t *testing.T) {
		s := open(t)
		broken := errors.New("broken")
		_, size, err := s.AddSource(digest.Sum([]byte("half")), func(w io.Writer) error {
			_, err := io.WriteString(w, "half")
			return errors.Join(broken, err)
		})
		if !errors.Is(err, broken) || size != 4 {
			t.Errorf("%d bytes, %v", size, err)
		}
		if _, ok := s.Source(digest.Sum([]byte("half"))); ok {
			t.Error("half a source was stored")
		}
	})
	t.Run("at once", func(t *testing.T) {
		s := open(t)
		content := string(random(1 << 16))
		atOnce(20, func(int) { addSource(t, s, content) })
	})
}

func writer(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}
}

func addSource(t *testing.T, s Sources, content string) {
	t.Helper()
	d := digest.Sum([]byte(content))
	if got, size, err := s.AddSource(d, writer(content)); err != nil || got != d || size != int64(len(content)) {
		t.Errorf("add: got %v, %d bytes, %v", got, size, err)
	}
	wantSource(t, s, content)
}

func wantSource(t *testing.T, s Sources, content string) {
	t.Helper()
	path, ok := s.Source(digest.Sum([]byte(content)))
	if !ok {
		t.Error("the source is not there")
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(content))
	}
}

// TestOutputs runs the suite for outputs. Open returns an empty store.
func TestOutputs(t *testing.T, open func(t *testing.T) Outputs) {
	t.Run("absent", func(t *testing.T) {
		s := open(t)
		if _, err := s.Output(t.Context(), digest.ID{1}); !errors.Is(err, store.ErrMissing) {
			t.Errorf("Output: %v", err)
		}
		if err := s.Verify(t.Context(), digest.ID{1}); !errors.Is(err, store.ErrMissing) {
			t.Errorf("Verify: %v", err)
		}
	})
	t.Run("kept", func(t *testing.T) {
		s := open(t)
		dir := tempDir(t, s)
		writeTree(t, dir, map[string]string{"bin/perl": "x", "lib/a/b.pm": "package b", "empty": ""})
		must(t, os.Chmod(filepath.Join(dir, "bin/perl"), 0o711))
		must(t, os.Symlink("b.pm", filepath.Join(dir, "lib/a/c.pm")))
		must(t, os.Link(filepath.Join(dir, "bin/perl"), filepath.Join(dir, "bin/perl5")))
		must(t, os.Mkdir(filepath.Join(dir, "lib/none"), 0o700))
		put, err := s.PutOutput(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Output(t.Context(), put.ID)
		if err != nil {
			t.Fatal(err)
		}
		must(t, s.Verify(t.Context(), put.ID))
		if got.Manifest.ID() != put.ID || got.Tree != put.Tree {
			t.Errorf("got %v in %s, put %v in %s", got.Manifest.ID(), got.Tree, put.ID, put.Tree)
		}
		wantTree(t, got.Tree)
	})
	t.Run("named by content", func(t *testing.T) { testNames(t, open(t)) })
	t.Run("at once", func(t *testing.T) {
		s := open(t)
		ids := make([]digest.ID, 8)
		atOnce(len(ids), func(i int) {
			dir := tempDir(t, s)
			writeTree(t, dir, map[string]string{"a": "same", "b/c": "same too"})
			out, err := s.PutOutput(t.Context(), dir)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = out.ID
		})
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("one content has the IDs %v and %v", id, ids[0])
			}
		}
		must(t, s.Verify(t.Context(), ids[0]))
	})
}

// wantTree checks the modes, links and times of the tree of the test "kept".
func wantTree(t *testing.T, tree string) {
	t.Helper()
	for path, mode := range map[string]os.FileMode{
		"bin": 0o755 | os.ModeDir, "bin/perl": 0o755, "lib/a/b.pm": 0o644, "empty": 0o644, "lib/none": 0o755 | os.ModeDir,
	} {
		fi, err := os.Stat(filepath.Join(tree, path))
		if err != nil {
			t.Error(err)
			continue
		}
		if fi.Mode() != mode {
			t.Errorf("%s has the mode %v, want %v", path, fi.Mode(), mode)
		}
		if !fi.ModTime().Equal(time.Unix(1, 0)) {
			t.Errorf("%s is of %v", path, fi.ModTime())
		}
	}
	if target, err := os.Readlink(filepath.Join(tree, "lib/a/c.pm")); err != nil || target != "b.pm" {
		t.Errorf("link to %q, %v", target, err)
	}
	a, errA := os.Stat(filepath.Join(tree, "bin/perl"))
	b, errB := os.Stat(filepath.Join(tree, "bin/perl5"))
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("the names of one file became files: %v, %v", errA, errB)
	}
}

// testNames puts trees that differ in one thing each.
func testNames(t *testing.T, s Outputs) {
	base := map[string]string{"a": "1", "d/b": "2"}
	seen := map[digest.ID]string{}
	for name, change := range map[string]func(dir string) error{
		"plain":     func(string) error { return nil },
		"content":   func(dir string) error { return os.WriteFile(dir+"/a", []byte("2"), 0o644) },
		"bit":       func(dir string) error { return os.Chmod(dir+"/a", 0o744) },
		"name":      func(dir string) error { return os.Rename(dir+"/a", dir+"/A") },
		"directory": func(dir string) error { return os.Mkdir(dir+"/e", 0o755) },
		"link":      func(dir string) error { return os.Symlink("a", dir+"/e") },
		"target":    func(dir string) error { return os.Symlink("b", dir+"/e") },
		"name 2":    func(dir string) error { return os.Link(dir+"/a", dir+"/e") },
		"copy":      func(dir string) error { return os.WriteFile(dir+"/e", []byte("1"), 0o644) },
	} {
		dir := tempDir(t, s)
		writeTree(t, dir, base)
		must(t, change(dir))
		out, err := s.PutOutput(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[out.ID]; ok {
			t.Errorf("%s and %s have one ID", name, other)
		}
		seen[out.ID] = name
	}
	dir := tempDir(t, s)
	writeTree(t, dir, base)
	must(t, os.Chmod(dir+"/a", 0o600))
	must(t, os.Chmod(dir+"/d", 0o700|os.ModeSetgid))
	must(t, os.Chtimes(dir+"/a", time.Now(), time.Now()))
	out, err := s.PutOutput(t.Context(), dir)
	if err != nil || seen[out.ID] != "plain" {
		t.Errorf("other modes and times: %v, %v", out, err)
	}
}

// TestActions runs the suite for actions. Open returns an empty store.
func TestActions(t *testing.T, open func(t *testing.T) Actions) {
	t.Run("absent", func(t *testing.T) {
		if _, err := open(t).LookupAction(t.Context(), digest.Key{1}); !errors.Is(err, store.ErrMissing) {
			t.Error(err)
		}
	})
	t.Run("kept", func(t *testing.T) {
		s := open(t)
		want := &store.Action{
			Key: digest.Key{1}, Output: putOutput(t, s, "1"), Step: "Plack", Version: "1.0050", Tier: 2, TierName: "two",
			Started: time.Unix(1000, 0).UTC(), Duration: 3 * time.Second, Inputs: []byte(`[{"name":"x"}]`), Libraries: []string{"libc.so.6"},
		}
		if _, err := s.PutAction(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := s.LookupAction(t.Context(), want.Key)
		if err != nil {
			t.Fatal(err)
		}
		if got.Output != want.Output || got.Tier != 2 || !got.Started.Equal(want.Started) || got.Duration != want.Duration ||
			!bytes.Equal(got.Inputs, want.Inputs) || len(got.Libraries) != 1 {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	t.Run("incomplete", func(t *testing.T) {
		s := open(t)
		if _, err := s.PutAction(t.Context(), &store.Action{Key: digest.Key{1}, Output: digest.ID{9}}); err != nil {
			t.Fatal(err)
		}
		if a, err := s.LookupAction(t.Context(), digest.Key{1}); !errors.Is(err, store.ErrMissing) {
			t.Errorf("an action without its output was found: %v, %v", a, err)
		}
		if a, err := s.RecordedAction(digest.Key{1}); err != nil || a.Output != (digest.ID{9}) {
			t.Errorf("its record: %v, %v", a, err)
		}
		must(t, s.Sync())
	})
	t.Run("tiers", func(t *testing.T) {
		s := open(t)
		weak, strong := putOutput(t, s, "weak"), putOutput(t, s, "strong")
		for _, c := range []struct {
			put        digest.ID
			tier, held int
			want       digest.ID
		}{
			{weak, 1, 1, weak}, {strong, 3, 3, strong}, {weak, 1, 3, strong}, {weak, 3, 3, weak},
		} {
			held, err := s.PutAction(t.Context(), &store.Action{Key: digest.Key{1}, Output: c.put, Tier: c.tier})
			if err != nil || held.Tier != c.held {
				t.Fatalf("put in tier %d: holds %+v, %v", c.tier, held, err)
			}
			got, err := s.LookupAction(t.Context(), digest.Key{1})
			if err != nil || got.Output != c.want || got.Tier != c.held {
				t.Errorf("after one of tier %d: %+v, %v; want %v of tier %d", c.tier, got, err, c.want, c.held)
			}
		}
	})
	t.Run("stronger but incomplete", func(t *testing.T) {
		s := open(t)
		output := putOutput(t, s, "there")
		for _, a := range []store.Action{{Tier: 3, Output: digest.ID{9}}, {Tier: 1, Output: output}} {
			a.Key = digest.Key{1}
			if _, err := s.PutAction(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.LookupAction(t.Context(), digest.Key{1}); err != nil || got.Output != output {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// keeper is where tests put their trees.
type keeper interface {
	TempDir(prefix string) (path string, remove func() error, err error)
	PutOutput(ctx context.Context, dir string) (*store.Output, error)
}

func putOutput(t *testing.T, s keeper, content string) digest.ID {
	t.Helper()
	dir := tempDir(t, s)
	writeTree(t, dir, map[string]string{"file": content})
	out, err := s.PutOutput(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return out.ID
}

func tempDir(t *testing.T, s keeper) string {
	t.Helper()
	dir, remove, err := s.TempDir("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, remove()) })
	return dir
}

func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func atOnce(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
