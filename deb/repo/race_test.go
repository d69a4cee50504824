package repo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// interleaved is a storage without a lock that lets something else happen before
// one call, or after it: "replace dists/stable/InRelease". An error of it is the
// call's, and that of all calls which follow.
type interleaved struct {
	*repotest.Memory
	before, after string
	skip          int // so many such calls
	happens       func() error

	mu   sync.Mutex
	dead error
}

func (i *interleaved) call(ctx context.Context, op string, do func() error) error {
	if err := i.at(op, &i.before); err != nil {
		return err
	}
	err := do()
	if dead := i.at(op, &i.after); dead != nil {
		return dead
	}
	return err
}

// at lets it happen once.
func (i *interleaved) at(op string, when *string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dead == nil && op == *when {
		if i.skip--; i.skip < 0 {
			*when = ""
			i.dead = i.happens()
		}
	}
	return i.dead
}

func (i *interleaved) Get(ctx context.Context, name string) (f *repo.File, err error) {
	err = i.call(ctx, "get "+name, func() (err error) { f, err = i.Memory.Get(ctx, name); return err })
	return f, err
}

func (i *interleaved) Create(ctx context.Context, name string, c repo.Content) error {
	return i.call(ctx, "create "+name, func() error { return i.Memory.Create(ctx, name, c) })
}

func (i *interleaved) Replace(ctx context.Context, name string, data []byte, was repo.Version) error {
	return i.call(ctx, "replace "+name, func() error { return i.Memory.Replace(ctx, name, data, was) })
}

// slow opens the repository for a publisher during whose work something happens.
func (b *bed) slow(i *interleaved) *repo.Repository {
	b.t.Helper()
	i.Memory = b.storage.(*repotest.Memory)
	r, err := repo.Open(b.t.Context(), i, b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// minute lets one pass: the clock goes on a second each time.
func (b *bed) minute() {
	for range 60 {
		b.opts.Now()
	}
}

var forgetful = repo.Policy{Generations: 1, Grace: time.Minute}

// TestGCBetween lets gc run while a publisher has found a file and hasn't
// committed: hello 1, that gc has condemned before.
func TestGCBetween(t *testing.T) {
	const file = "pool/h/hello/hello_1_all.deb"
	for name, test := range map[string]struct {
		before, after string
		skip, runs    int
		removed       bool // else the publication succeeds
	}{
		"nothing looked at": {before: "get .envbuild/condemned.json", runs: 2},
		"found":             {after: "create " + file, runs: 1},
		// The list is read twice at first, since hello 1 is struck from it.
		"about to be committed":       {before: "get .envbuild/condemned.json", skip: 2, runs: 1},
		"found a grace ago":           {after: "create " + file, runs: 2, removed: true},
		"a grace before it committed": {before: "get .envbuild/condemned.json", skip: 2, runs: 2, removed: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
			if _, err := b.Remove(t.Context(), repo.Place{}, []repo.Selector{{Name: "hello"}}); err != nil {
				t.Fatal(err)
			}
			b.minute()
			b.gc(forgetful)
			b.minute()
			r := b.slow(&interleaved{before: test.before, after: test.after, skip: test.skip, happens: func() error {
				for range test.runs {
					b.gc(forgetful)
					b.minute()
				}
				return nil
			}})
			_, err := r.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1"})})
			var removed *repo.RemovedError
			if test.removed != errors.As(err, &removed) || !test.removed && err != nil {
				t.Errorf("Add = %v", err)
			}
			verify(t, b.Repository)
			add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
			b.has("stable", "amd64", "hello 1 all")
			verify(t, b.Repository)
		})
	}
}

// TestGCBeforeRollback lets gc forget a generation while it is rolled back to.
func TestGCBeforeRollback(t *testing.T) {
	for name, test := range map[string]struct {
		before string
		runs   int
		gone   bool
	}{
		"condemned": {"get .envbuild/condemned.json", 1, false},
		"removed":   {"get .envbuild/condemned.json", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			for _, v := range []string{"1", "2"} {
				add(t, b.Repository, repotest.Deb{Name: "hello", Version: v})
			}
			b.minute()
			r := b.slow(&interleaved{before: test.before, happens: func() error {
				for range test.runs {
					b.gc(forgetful)
					b.minute()
				}
				return nil
			}})
			_, err := r.Rollback(t.Context(), "", 2)
			var removed *repo.RemovedError
			if test.gone != errors.As(err, &removed) || !test.gone && err != nil {
				t.Errorf("Rollback = %v", err)
			}
			if !test.gone {
				b.has("stable", "amd64", "hello 1 all")
			}
			verify(t, b.Repository)
		})
	}
}

// TestLoser lets another publisher be faster with the same package, at each
// moment. Whoever is second finds nothing to do, and leaves nothing of its own
// under a name that clients know.
func TestLoser(t *testing.T) {
	for _, moment := range []string{
		"create pool/h/hello/hello_1_all.deb", "get .envbuild/condemned.json", "replace dists/stable/InRelease",
		"replace dists/stable/main/binary-amd64/Packages", "replace dists/stable/main/binary-amd64/Packages.xz",
		"replace dists/stable/Release", "replace dists/stable/Release.gpg", "get dists/stable/InRelease",
	} {
		t.Run(moment, func(t *testing.T) {
			b := newBed(t)
			hello := repotest.Deb{Name: "hello", Version: "1"}
			happened := false
			r := b.slow(&interleaved{before: moment, happens: func() error {
				happened = true
				add(t, b.Repository, hello)
				add(t, b.Repository, hello, repotest.Deb{Name: "more", Version: "1"})
				return nil
			}})
			add(t, r, hello)
			if !happened {
				t.Error("there is no such moment")
			}
			b.has("stable", "amd64", "hello 1 all", "more 1 all")
			verify(t, b.Repository)
		})
	}
}

// TestKilledAfterCommit has a publisher that dies between its commit and its last
// write. Publishing the same again mends that.
func TestKilledAfterCommit(t *testing.T) {
	killed := errors.New("killed")
	for _, moment := range []string{
		"replace dists/stable/main/binary-amd64/Packages", "replace dists/stable/main/binary-amd64/Packages.xz",
		"replace dists/stable/Release", "replace dists/stable/Release.gpg",
	} {
		t.Run(moment, func(t *testing.T) {
			b := newBed(t)
			hello := repotest.Deb{Name: "hello", Version: "1"}
			r := b.slow(&interleaved{before: moment, happens: func() error { return killed }})
			if _, err := r.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, hello)}); !errors.Is(err, killed) {
				t.Errorf("Add = %v", err)
			}
			if got := add(t, b.Repository, hello); !got[0].Already {
				t.Error("it wasn't committed")
			}
			b.has("stable", "amd64", "hello 1 all")
			verify(t, b.Repository)
			before := b.generation()
			add(t, b.Repository, hello)
			if b.generation() != before {
				t.Error("mending made a generation")
			}
		})
	}
}
