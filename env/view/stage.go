package view

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/atomicfile"
)

// stage is the temporary directory in which a view is made, beside its place. Its
// lock, which the kernel drops with the process, tells it from what a killed
// process left.
type stage struct {
	dir  string
	lock *os.File
}

// newStage makes the directory, and the one that dest is to be in.
func newStage(dest string) (*stage, error) {
	parent := filepath.Dir(dest)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	prefix := atomicfile.TempPrefix + filepath.Base(dest) + "-"
	if err := sweep(parent, prefix); err != nil {
		return nil, err
	}
	for {
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return nil, err
		}
		lock, err := tryLock(dir)
		if err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
		if lock != nil {
			return &stage{dir: dir, lock: lock}, nil
		}
		// Another process swept it before it was locked.
	}
}

// tryLock locks a directory. It returns nil if another process holds it or the
// directory is gone.
func tryLock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = nil
		}
		return nil, errors.Join(err, f.Close())
	}
	locked, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	now, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(locked, now) {
		return nil, f.Close()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the stages of dead processes.
func sweep(parent, prefix string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !e.IsDir() {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		lock, err := tryLock(dir)
		if err != nil {
			return err
		}
		if lock == nil {
			continue
		}
		if err := errors.Join(os.RemoveAll(dir), lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// publish makes the view durable, unless that is to be spared, with one syncfs
// instead of an fsync for each of some thousand files, and moves it to dest. It reports whether another
// process had been faster.
func (s *stage) publish(dest string, unsynced bool) (existed bool, err error) {
	if !unsynced {
		if err := unix.Syncfs(int(s.lock.Fd())); err != nil {
			return false, fmt.Errorf("sync %s: %w", s.dir, err)
		}
	}
	err = atomicfile.Rename(s.dir, dest)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return true, nil
	}
	return false, err
}

// close removes what was not published.
func (s *stage) close() error {
	return errors.Join(os.RemoveAll(s.dir), s.lock.Close())
}
