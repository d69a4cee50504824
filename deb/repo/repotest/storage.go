// Package repotest holds the suite that every repo.Storage passes.
package repotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/digest"
)

// TestStorage checks what repo.Storage promises, and Lister, Locker, Copier
// and Batcher where the storage is one. open opens one and the same storage, which is empty at
// first, anew each time: as another process or another machine would.
func TestStorage(t *testing.T, empty func(t *testing.T) (open func(t *testing.T) repo.Storage)) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(*testing.T) repo.Storage)
	}{
		{"Get", testGet}, {"Create", testCreate}, {"CreateOnce", testCreateOnce}, {"CreateLies", testCreateLies},
		{"CreateFails", testCreateFails}, {"Replace", testReplace}, {"ReplaceRace", testReplaceRace},
		{"ReplaceCounts", testReplaceCounts}, {"Snapshot", testSnapshot}, {"Remove", testRemove},
		{"Names", testNames}, {"Canceled", testCanceled},
		{"List", testList}, {"Copy", testCopy}, {"Batch", testBatch}, {"Lock", testLock}, {"LockWaits", testLockWaits},
		{"Held", testHeld},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, empty(t)) })
	}
}

func get(t *testing.T, s repo.Storage, name string) (string, repo.Version) {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size != int64(len(b)) {
		t.Errorf("%s: size %d, but %d bytes", name, f.Size, len(b))
	}
	return string(b), f.Version
}

func create(t *testing.T, s repo.Storage, name, content string) {
	t.Helper()
	if err := s.Create(t.Context(), name, repo.Bytes([]byte(content))); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

func absent(t *testing.T, s repo.Storage, name string) {
	t.Helper()
	f, err := s.Get(t.Context(), name)
	if err == nil {
		f.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get(%s) = %v, want fs.ErrNotExist", name, err)
	}
}

func testGet(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	absent(t, s, "dists/x/InRelease")
	create(t, s, "pool/a/a_1_all.deb", "content")
	absent(t, s, "pool/a") // a directory is not a file
	absent(t, s, "pool/a/a_1_all.deb/b")
	got, v := get(t, open(t), "pool/a/a_1_all.deb")
	if got != "content" || v == repo.None || v == repo.Any {
		t.Errorf("Get = %q, version %q", got, v)
	}
	if _, again := get(t, s, "pool/a/a_1_all.deb"); again != v {
		t.Errorf("one file has the versions %q and %q", v, again)
	}
}

func testCreate(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	big := strings.Repeat("0123456789abcdef", 1<<19)
	create(t, s, "pool/b/big.deb", big)
	create(t, s, "pool/e/empty.deb", "")
	for name, want := range map[string]string{"pool/b/big.deb": big, "pool/e/empty.deb": ""} {
		if got, _ := get(t, open(t), name); got != want {
			t.Errorf("%s has %d bytes, want %d", name, len(got), len(want))
		}
	}
}

func testCreateOnce(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	create(t, s, "pool/a.deb", "first")
	for _, content := range []string{"first", "second"} {
		err := open(t).Create(t.Context(), "pool/a.deb", repo.Bytes([]byte(content)))
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create of %q again: %v, want fs.ErrExist", content, err)
		}
	}
	if got, _ := get(t, s, "pool/a.deb"); got != "first" {
		t.Errorf("the file was changed to %q", got)
	}
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			err := open(t).Create(t.Context(), "pool/race.deb", repo.Bytes(fmt.Append(nil, "writer ", i)))
			switch {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("Create in a race: %v", err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("%d of 8 created one file", made.Load())
	}
}

func testCreateLies(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	for what, change := range map[string]func(*repo.Content){
		"the digest": func(c *repo.Content) { c.SHA256 = digest.Sum([]byte("other")) },
		"too short":  func(c *repo.Content) { c.Size++ },
		"too long":   func(c *repo.Content) { c.Size-- },
		"reading":    func(c *repo.Content) { c.Open = func() (io.ReadCloser, error) { return broken{}, nil } },
		"opening":    func(c *repo.Content) { c.Open = func() (io.ReadCloser, error) { return nil, errBroken } },
	} {
		c := repo.Bytes([]byte("content"))
		change(&c)
		err := s.Create(t.Context(), "pool/lie.deb", c)
		if err == nil || errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: Create = %v, want an error", what, err)
		}
		absent(t, s, "pool/lie.deb")
	}
}

var errBroken = errors.New("broken on purpose")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }
func (broken) Close() error             { return nil }

func testCreateFails(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	c := repo.Bytes(bytes.Repeat([]byte("x"), 1<<20))
	c.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 1<<19)), broken{})), nil
	}
	if err := s.Create(t.Context(), "pool/half.deb", c); err == nil {
		t.Error("Create of half a file succeeded")
	}
	absent(t, s, "pool/half.deb")
	create(t, s, "pool/half.deb", "whole") // and it hinders nobody
	if l, ok := s.(repo.Lister); ok {
		if names := list(t, l, ""); !slices.Equal(names, []string{"pool/half.deb"}) {
			t.Errorf("files left over: %q", names)
		}
	}
}

func testReplace(t *testing.T, open func(*testing.T) repo.Storage) {
	s, name := open(t), "dists/x/InRelease"
	replace := func(data string, was repo.Version) error {
		return open(t).Replace(t.Context(), name, []byte(data), was)
	}
	if err := replace("0", "some version"); !errors.Is(err, repo.ErrChanged) {
		t.Errorf("Replace of a file that isn't there: %v, want ErrChanged", err)
	}
	absent(t, s, name)
	if err := replace("1", repo.None); err != nil {
		t.Fatal(err)
	}
	_, first := get(t, s, name)
	if err := replace("x", repo.None); !errors.Is(err, repo.ErrChanged) {
		t.Errorf("Replace of a file that is there: %v, want ErrChanged", err)
	}
	if err := replace("2", first); err != nil {
		t.Fatal(err)
	}
	if err := replace("x", first); !errors.Is(err, repo.ErrChanged) {
		t.Errorf("Replace of an old version: %v, want ErrChanged", err)
	}
	if got, _ := get(t, s, name); got != "2" {
		t.Errorf("content %q, want 2", got)
	}
	for _, data := range []string{"3", ""} {
		if err := replace(data, repo.Any); err != nil {
			t.Fatal(err)
		}
		if got, _ := get(t, s, name); got != data {
			t.Errorf("content %q, want %q", got, data)
		}
	}
	if err := s.Replace(t.Context(), "dists/y/Release", []byte("new"), repo.Any); err != nil {
		t.Errorf("Replace of Any, where nothing is: %v", err)
	}
}

func testReplaceRace(t *testing.T, open func(*testing.T) repo.Storage) {
	for round := range 5 {
		name := fmt.Sprintf("dists/x/%d", round)
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				err := open(t).Replace(t.Context(), name, fmt.Append(nil, i), repo.None)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, repo.ErrChanged):
					t.Errorf("Replace in a race: %v", err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 8 replaced one version", won.Load())
		}
	}
}

// testReplaceCounts lets writers read, change and replace until each has counted.
func testReplaceCounts(t *testing.T, open func(*testing.T) repo.Storage) {
	const writers, each = 4, 5
	if err := open(t).Replace(t.Context(), "dists/n", nil, repo.None); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			s := open(t)
			for done := 0; done < each; {
				was, v := get(t, s, "dists/n")
				switch err := s.Replace(t.Context(), "dists/n", []byte(was+"x"), v); {
				case err == nil:
					done++
				case !errors.Is(err, repo.ErrChanged):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if got, _ := get(t, open(t), "dists/n"); len(got) != writers*each {
		t.Errorf("%d of %d changes are there", len(got), writers*each)
	}
}

// testSnapshot reads a file that is replaced while it is read.
func testSnapshot(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	before := strings.Repeat("a", 4<<20)
	if err := s.Replace(t.Context(), "dists/big", []byte(before), repo.None); err != nil {
		t.Fatal(err)
	}
	f, err := s.Get(t.Context(), "dists/big")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(f, head); err != nil {
		t.Fatal(err)
	}
	if err := open(t).Replace(t.Context(), "dists/big", []byte("short"), repo.Any); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(f)
	if err == nil && string(head)+string(rest) != before {
		t.Errorf("%d bytes of two versions were read", len(head)+len(rest))
	}
}

func testRemove(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	create(t, s, "pool/a/b/c.deb", "1")
	for range 2 {
		if err := s.Remove(t.Context(), "pool/a/b/c.deb"); err != nil {
			t.Fatal(err)
		}
	}
	absent(t, s, "pool/a/b/c.deb")
	create(t, s, "pool/a/b/c.deb", "2")
	if got, _ := get(t, open(t), "pool/a/b/c.deb"); got != "2" {
		t.Errorf("content %q, want 2", got)
	}
}

// testNames uses every character that a Debian package's file name can have.
func testNames(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	names := []string{
		"pool/libs/libstdc++6/libstdc++6_12.2.0-14+deb12u1~bpo_amd64.deb",
		"dists/bookworm/main/binary-amd64/by-hash/SHA256/" + digest.Sum(nil).String(),
		".envbuild/generations/bookworm/1",
		"dists/a b%2b/InRelease",
	}
	for _, name := range names {
		create(t, s, name, name)
	}
	for _, name := range names {
		if got, _ := get(t, open(t), name); got != name {
			t.Errorf("%s holds %q", name, got)
		}
	}
	for _, name := range []string{"", ".", "/etc/passwd", "../x", "pool/../../x", "pool//x", "pool/x/"} {
		if f, err := s.Get(t.Context(), name); err == nil {
			f.Close()
			t.Errorf("Get(%q) succeeded", name)
		}
		if s.Create(t.Context(), name, repo.Bytes(nil)) == nil || s.Replace(t.Context(), name, nil, repo.Any) == nil {
			t.Errorf("%q was written", name)
		}
	}
}

func testCanceled(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Create(ctx, "pool/a.deb", repo.Bytes([]byte("1"))); !errors.Is(err, context.Canceled) {
		t.Errorf("Create = %v, want context.Canceled", err)
	}
	if err := s.Replace(ctx, "dists/x", nil, repo.None); !errors.Is(err, context.Canceled) {
		t.Errorf("Replace = %v, want context.Canceled", err)
	}
	absent(t, s, "pool/a.deb")
	absent(t, s, "dists/x")
}
