package repotest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/envbuild/envbuild/deb/repo"
)

func list(t *testing.T, l repo.Lister, prefix string) []string {
	t.Helper()
	var names []string
	for e, err := range l.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

func testList(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	l, ok := s.(repo.Lister)
	if !ok {
		return // this storage is not a Lister
	}
	if names := list(t, l, ""); len(names) > 0 {
		t.Errorf("an empty storage lists %q", names)
	}
	all := []string{".envbuild/generations/1", "dists/x/InRelease", "pool/a/a.deb", "pool/a/b.deb", "pool/b/a.deb"}
	for _, name := range all {
		create(t, s, name, name)
	}
	for prefix, want := range map[string][]string{"": all, "pool/": all[2:], "pool/a/": all[2:4], "none/": nil} {
		if got := list(t, open(t).(repo.Lister), prefix); !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, want %q", prefix, got, want)
		}
	}
	for e, err := range l.List(t.Context(), "pool/a/") {
		if err != nil || e.Size != int64(len(e.Name)) || e.Modified.IsZero() {
			t.Errorf("entry %+v, %v", e, err)
		}
		break // a reader may stop
	}
}

func testCopy(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	c, ok := s.(repo.Copier)
	if !ok {
		return // this storage is not a Copier
	}
	create(t, s, "dists/x/by-hash/SHA256/1", "one")
	create(t, s, "dists/x/by-hash/SHA256/2", "two")
	for _, step := range []struct{ from, want string }{{"1", "one"}, {"1", "one"}, {"2", "two"}} {
		if err := c.Copy(t.Context(), "dists/x/by-hash/SHA256/"+step.from, "dists/x/Packages"); err != nil {
			t.Fatal(err)
		}
		if got, _ := get(t, open(t), "dists/x/Packages"); got != step.want {
			t.Errorf("the copy holds %q, want %q", got, step.want)
		}
	}
	if err := s.Replace(t.Context(), "dists/x/Packages", []byte("new"), repo.Any); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, s, "dists/x/by-hash/SHA256/2"); got != "two" {
		t.Errorf("replacing a copy changed the original to %q", got)
	}
	if err := c.Copy(t.Context(), "none", "dists/x/Packages"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Copy of nothing = %v, want fs.ErrNotExist", err)
	}
}

func testBatch(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	b, ok := s.(repo.Batcher)
	if !ok {
		return // this storage is not a Batcher
	}
	create(t, s, "pool/a/old.deb", "old")
	lie := repo.Bytes([]byte("lie"))
	lie.Size++
	errs := b.CreateAll(t.Context(), []repo.NewFile{
		{Name: "pool/a/new.deb", Content: repo.Bytes([]byte("new"))}, {Name: "pool/a/old.deb", Content: repo.Bytes([]byte("x"))},
		{Name: "pool/a/lie.deb", Content: lie}, {Name: "pool/b/c/deep.deb", Content: repo.Bytes([]byte("deep"))},
	})
	if len(errs) != 4 || errs[0] != nil || !errors.Is(errs[1], fs.ErrExist) || errs[2] == nil || errs[3] != nil {
		t.Errorf("CreateAll = %v", errs)
	}
	for name, want := range map[string]string{"pool/a/old.deb": "old", "pool/a/new.deb": "new", "pool/b/c/deep.deb": "deep"} {
		if got, _ := get(t, open(t), name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	absent(t, s, "pool/a/lie.deb")
	err := b.ReplaceAll(t.Context(), []repo.Replacement{
		{Name: "dists/x/Release", Data: []byte("1"), Was: repo.Any}, {Name: "dists/x/InRelease", Data: []byte("1"), Was: repo.None},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, v := get(t, s, "dists/x/InRelease")
	err = b.ReplaceAll(t.Context(), []repo.Replacement{
		{Name: "dists/x/Release", Data: []byte("2"), Was: repo.Any}, {Name: "dists/x/InRelease", Data: []byte("2"), Was: repo.None},
		{Name: "dists/x/last", Data: []byte("2"), Was: repo.Any},
	})
	if !errors.Is(err, repo.ErrChanged) {
		t.Errorf("ReplaceAll of what is there: %v, want ErrChanged", err)
	}
	absent(t, s, "dists/x/last")
	if got, same := get(t, s, "dists/x/InRelease"); got != "1" || same != v {
		t.Errorf("InRelease holds %q", got)
	}
}

// locked locks or fails.
func locked(t *testing.T, s repo.Storage, onWait func()) (context.Context, func() error) {
	t.Helper()
	held, unlock, err := s.(repo.Locker).Lock(t.Context(), onWait)
	if err != nil {
		t.Fatal(err)
	}
	return held, unlock
}

func testLock(t *testing.T, open func(*testing.T) repo.Storage) {
	if _, ok := open(t).(repo.Locker); !ok {
		return // this storage is not a Locker
	}
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			s := open(t)
			for range 5 {
				held, unlock, err := s.(repo.Locker).Lock(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold one lock", n)
				}
				was, _ := read(s, "dists/n")
				if err := s.Replace(held, "dists/n", append(was, 'x'), repo.Any); err != nil {
					t.Error(err)
				}
				inside.Add(-1)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, _ := get(t, open(t), "dists/n"); len(got) != 30 {
		t.Errorf("%d of 30 changes are there", len(got))
	}
}

func testLockWaits(t *testing.T, open func(*testing.T) repo.Storage) {
	if _, ok := open(t).(repo.Locker); !ok {
		return // this storage is not a Locker
	}
	held, unlock := locked(t, open(t), func() { t.Error("waited for a free lock") })
	if held.Err() != nil {
		t.Error("the lock is lost from the start")
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := 0
	_, _, err := open(t).(repo.Locker).Lock(ctx, func() { waits++; cancel() })
	if !errors.Is(err, context.Canceled) || waits != 1 {
		t.Errorf("a second lock: %v after %d waits, want context.Canceled after one", err, waits)
	}
	waiting := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, unlock, err := open(t).(repo.Locker).Lock(t.Context(), func() { close(waiting) })
		if err != nil {
			t.Error(err)
			return
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	})
	<-waiting
	if err := unlock(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if l, ok := open(t).(repo.Lister); ok {
		if names := list(t, l, "pool/"); len(names) > 0 {
			t.Errorf("locking left %q in the pool", names)
		}
	}
}

// testHeld writes and removes under the lock. None of it is left over.
func testHeld(t *testing.T, open func(*testing.T) repo.Storage) {
	s := open(t)
	if _, ok := s.(repo.Locker); !ok {
		return // this storage is not a Locker
	}
	held, unlock := locked(t, s, nil)
	err := errors.Join(
		s.Create(held, "pool/a/a.deb", repo.Bytes([]byte("a"))), s.Create(held, "pool/b/b.deb", repo.Bytes([]byte("b"))),
		s.Replace(held, "dists/x/Release", []byte("one"), repo.None),
		s.Remove(held, "pool/b/b.deb"), s.Remove(held, "pool/b/b.deb"), s.Remove(held, "pool/none/none.deb"),
	)
	if c, ok := s.(repo.Copier); ok {
		err = errors.Join(err, c.Copy(held, "pool/a/a.deb", "dists/x/Release"), c.Copy(held, "pool/a/a.deb", "dists/x/Release"))
	} else {
		err = errors.Join(err, s.Replace(held, "dists/x/Release", []byte("a"), repo.Any))
	}
	if err := errors.Join(err, unlock()); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, open(t), "dists/x/Release"); got != "a" {
		t.Errorf("Release holds %q, want a", got)
	}
	if l, ok := s.(repo.Lister); ok {
		if names := list(t, l, ""); !slices.Equal(names, []string{"dists/x/Release", "pool/a/a.deb"}) {
			t.Errorf("there are %q", names)
		}
	}
}

// read reads a file, or nothing.
func read(s repo.Storage, name string) ([]byte, error) {
	f, err := s.Get(context.Background(), name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
