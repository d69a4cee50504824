package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Policy says what GC removes. What a project uses stays in any case.
type Policy struct {
	// MaxAge removes what has not been used for longer; 0 means any age may stay.
	MaxAge time.Duration
	// MaxBytes then removes what has not been used for longest, until the store
	// takes no more; 0 means any size may stay.
	MaxBytes int64
	// DryRun removes nothing and says what would be.
	DryRun bool
}

// BusyError says that other processes use the store.
type BusyError struct{ Root string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("other envbuild processes are using the store %s", e.Root)
}

// Hint says when to try again.
func (e *BusyError) Hint() string { return "collect garbage when no build is running" }

// GC removes entries by the policy and returns what it removed. It fails with a
// *BusyError while another process has the store open; those that open it
// meanwhile wait. No other method may be under way.
func (s *Store) GC(ctx context.Context, policy Policy) (removed []Usage, err error) {
	again, err := s.exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, again()) }()
	live, err := s.live()
	if err != nil {
		return nil, err
	}
	items, err := s.items(ctx)
	if err != nil {
		return nil, err
	}
	garbage := s.choose(items, live, policy)
	if policy.DryRun {
		return usage(garbage), nil
	}
	for i, it := range garbage {
		if err := errors.Join(ctx.Err(), s.remove(it)); err != nil {
			return usage(garbage[:i]), err
		}
	}
	return usage(garbage), errors.Join(s.removeLocks(), s.removeStamps())
}

// exclusive exchanges the shared lock of the store for the exclusive one; again
// goes back. The lock can't be converted in place: when flock(2) fails to, the
// old lock is lost as well.
func (s *Store) exclusive(ctx context.Context) (again func() error, err error) {
	share := func() error {
		_, err := s.inUse.TryRLockContext(ctx, lockPoll)
		return err
	}
	if err := s.inUse.Close(); err != nil {
		return nil, err
	}
	lock := flock.New(s.path(lockFile))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = &BusyError{Root: s.root}
	}
	if err != nil {
		return nil, errors.Join(err, share())
	}
	return func() error { return errors.Join(lock.Close(), share()) }, nil
}

// live names, by kind and name, what the projects use that still exist.
func (s *Store) live() (map[string]bool, error) {
	live := map[string]bool{}
	roots, err := filepath.Glob(s.path(rootsDir, "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range roots {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var r Root
		if json.Unmarshal(data, &r) != nil {
			continue
		}
		if _, err := os.Stat(r.Project); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		s.mark(live, r)
	}
	return live, nil
}

func (s *Store) mark(live map[string]bool, r Root) {
	set := func(kind, name string) { live[kind+"/"+name] = true }
	for _, v := range r.Views {
		set(Views, v)
	}
	for _, id := range r.Outputs {
		set(Outputs, id.String())
	}
	for _, d := range r.Sources {
		set(Sources, d.String())
	}
	for _, k := range r.Keys {
		set(Actions, k.String())
		set(Logs, k.String())
		if a, err := s.RecordedAction(k); err == nil {
			set(Outputs, a.Output.String())
		}
	}
}

// choose picks the garbage, what was used longest ago first.
func (s *Store) choose(items []item, live map[string]bool, policy Policy) []item {
	var total int64
	var candidates, garbage []item
	for _, it := range items {
		total += it.bytes
		if !live[it.kind+"/"+it.name] {
			candidates = append(candidates, it)
		}
	}
	slices.SortStableFunc(candidates, func(a, b item) int { return a.used.Compare(b.used) })
	oldest := s.opts.Now().Add(-policy.MaxAge)
	for _, it := range candidates {
		old := policy.MaxAge > 0 && it.used.Before(oldest)
		large := policy.MaxBytes > 0 && total > policy.MaxBytes
		if old || large {
			garbage = append(garbage, it)
			total -= it.bytes
		}
	}
	return garbage
}

// remove takes an entry away in one rename before it deletes it, so that a half
// removed tree is never found.
func (s *Store) remove(it item) error {
	trash, clean, err := s.TempDir("trash")
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(it.path, filepath.Join(trash, "entry")), clean())
}

// removeLocks deletes the locks of keys, which nobody can hold now.
func (s *Store) removeLocks() error {
	locks, err := filepath.Glob(s.path(locksDir, "*"))
	for _, path := range locks {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
