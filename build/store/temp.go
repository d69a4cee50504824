package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"github.com/envbuild/envbuild/internal/tree"
)

// lockSuffix ends the name of the lock beside a process's temporary directory.
const lockSuffix = ".lock"

// processDir is the directory of one process's temporaries, below tmp/. A lock
// beside it is held as long as the process lives, so that others can tell what
// a killed one left. It is made when first needed.
type processDir struct {
	parent string

	mu   sync.Mutex
	path string
	lock *flock.Flock
}

// dir returns the directory. The lock comes before the directory, so a directory without
// a lock is always a leftover.
func (p *processDir) dir() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.path != "" {
		return p.path, nil
	}
	if err := os.MkdirAll(p.parent, 0o755); err != nil {
		return "", err
	}
	for {
		lock, err := newLock(p.parent)
		if err != nil {
			return "", err
		}
		if lock == nil {
			continue
		}
		path := strings.TrimSuffix(lock.Path(), lockSuffix)
		if err := os.Mkdir(path, 0o700); err != nil {
			return "", errors.Join(err, os.Remove(lock.Path()), lock.Close())
		}
		p.path, p.lock = path, lock
		return path, nil
	}
}

// newLock makes and holds a lock of a new name, or returns nil if a sweeper
// removed its file in between.
func newLock(parent string) (*flock.Flock, error) {
	f, err := os.CreateTemp(parent, "*"+lockSuffix)
	if err != nil {
		return nil, err
	}
	lock := flock.New(f.Name(), flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		ok, err = false, nil
	}
	if ok {
		ok = stillThere(lock)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil || !ok {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// stillThere reports whether the path of a held lock names the file that is
// locked.
func stillThere(lock *flock.Flock) bool {
	held, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(held, named)
}

func (p *processDir) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.path == "" {
		return nil
	}
	err := errors.Join(tree.RemoveAll(p.path), os.Remove(p.lock.Path()), p.lock.Close())
	p.path, p.lock = "", nil
	return err
}

// TempDir makes a directory on the store's file system, for work that PutOutput may
// take over or that becomes a view. Its name begins with prefix. Remove deletes what is
// left of it, whatever modes are inside; a process that dies leaves that to the
// next Open.
func (s *Store) TempDir(prefix string) (path string, remove func() error, err error) {
	parent, err := s.temp.dir()
	if err != nil {
		return "", nil, s.explain(err)
	}
	path, err = os.MkdirTemp(parent, prefix+"-")
	if err != nil {
		return "", nil, s.explain(err)
	}
	return path, func() error { return tree.RemoveAll(path) }, nil
}

func (s *Store) tempFile() (*os.File, error) {
	parent, err := s.temp.dir()
	if err != nil {
		return nil, s.explain(err)
	}
	f, err := os.CreateTemp(parent, "file-")
	return f, s.explain(err)
}

// sweep removes the temporaries of processes that have died.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), lockSuffix)
		failed = errors.Join(failed, sweepOne(filepath.Join(dir, name)))
	}
	return failed
}

// sweepOne removes path and its lock, unless a process holds the lock. A lock
// that can't be had any more was swept by somebody else.
func sweepOne(path string) error {
	lock := flock.New(path+lockSuffix, flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return tree.RemoveAll(path)
	case err != nil:
		return fmt.Errorf("sweep %s: %w", path, err)
	case !ok:
		return nil
	}
	err = tree.RemoveAll(path)
	if err == nil && stillThere(lock) {
		err = os.Remove(lock.Path())
	}
	return errors.Join(err, lock.Close())
}

// removeFile deletes a file that may be gone already.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
