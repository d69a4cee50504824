package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that somebody else holds is tried again: far
// below what a step takes, far above what a try costs.
const lockPoll = 20 * time.Millisecond

// Lock makes the work that name stands for, such as a key or a view, exclusive
// among all processes and goroutines that use the store, until unlock is called
// or the process dies. If somebody else holds the lock, onWait is called once
// (it may be nil), and waited is true in the end.
func (s *Store) Lock(ctx context.Context, name string, onWait func()) (unlock func() error, waited bool, err error) {
	path := s.path(locksDir, digest.Sum([]byte(name)).String())
	// Copies of a store, such as a CI system's cache, may lack empty directories.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, false, s.explain(err)
	}
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err == nil && !ok {
		waited = true
		if onWait != nil {
			onWait()
		}
		_, err = lock.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		return nil, waited, s.explain(fmt.Errorf("lock %s: %w", name, err))
	}
	return lock.Close, waited, nil
}
