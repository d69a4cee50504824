package repo_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// leased is a storage with a lock that can be lost. It knows what was written and
// removed under it.
type leased struct {
	*repotest.Memory
	end   context.CancelCauseFunc
	fails func() error // instead of the commit
	calls []string
}

func (l *leased) Lock(ctx context.Context, _ func()) (held context.Context, unlock func() error, err error) {
	held, l.end = context.WithCancelCause(ctx)
	return held, func() error { return nil }, nil
}

func (l *leased) Replace(ctx context.Context, name string, data []byte, was repo.Version) error {
	if l.fails != nil && name == "dists/stable/InRelease" {
		l.calls = nil
		return l.fails()
	}
	l.calls = append(l.calls, "replace "+name)
	return l.Memory.Replace(ctx, name, data, was)
}

func (l *leased) Remove(ctx context.Context, name string) error {
	l.calls = append(l.calls, "remove "+name)
	return l.Memory.Remove(ctx, name)
}

// TestTakeBack lets a commit fail. What was written is taken back, also after an
// interruption; but not by a publisher that has lost its lock, since the next one
// may have found it and be building on it.
func TestTakeBack(t *testing.T) {
	const file = "pool/h/hello/hello_1_all.deb"
	failed := errors.New("failed")
	for name, test := range map[string]struct {
		fails    func(l *leased, interrupt func()) error
		takeBack bool
	}{
		"failed":      {func(*leased, func()) error { return failed }, true},
		"interrupted": {func(_ *leased, interrupt func()) error { interrupt(); return failed }, true},
		"lost":        {func(l *leased, _ func()) error { l.end(failed); return failed }, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := repotest.Clock()
			l := &leased{Memory: repotest.NewMemory(now)}
			b := &bed{t: t, storage: l, opts: repo.Options{Signers: []repo.Signer{repotest.Signer(t, "key", now)}, XZ: xzPath(t), Now: now}}
			b.init(setup("stable"))
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			l.fails = func() error { return test.fails(l, interrupt) }
			_, err := b.Add(ctx, repo.Place{}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1"})})
			if !errors.Is(err, failed) {
				t.Errorf("Add = %v", err)
			}
			if got := slices.Contains(l.calls, "remove "+file); got != test.takeBack {
				t.Errorf("the package was taken back: %t; %q", got, l.calls)
			}
			if !test.takeBack && len(l.calls) > 0 {
				t.Errorf("who lost the lock did %q", l.calls)
			}
			l.fails = nil
			if test.takeBack {
				verify(t, b.Repository)
			}
			add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
			verify(t, b.Repository)
		})
	}
}
