// Package atomicfile writes files and directories that are there whole or not at
// all, whatever kills the writer: a temporary in the same directory, fsync, rename,
// fsync of the directory.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// TempPrefix begins the name of every temporary that this package makes, so
// that a store can remove what a killed process left.
const TempPrefix = ".envbuild-tmp-"

// Write puts data at path with exactly the mode perm, whatever the umask.
// The directory must exist. On an error path is as it was before.
func Write(path string, data []byte, perm os.FileMode) error {
	return WriteFrom(path, bytes.NewReader(data), perm)
}

// WriteFrom is Write for what r delivers.
func WriteFrom(path string, r io.Reader, perm os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	return Commit(f, path)
}

// Create lets write fill a file, for what takes a while, and puts it at path with
// exactly the mode perm. What killed processes left of the same path is removed. On
// an error path is as it was before.
func Create(path string, perm os.FileMode, write func(io.Writer) error) (err error) {
	f, err := createTemp(path)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.RemoveAll(f.Name())) // which has no such name any more if all went well
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(perm), f.Sync()); err != nil {
		return err
	}
	return Rename(f.Name(), path) // before the lock ends
}

// createTemp makes a temporary beside path and removes those that killed processes
// left of the same path. It is locked until it is closed, so that others can tell:
// a caller renames it before that.
func createTemp(path string) (*os.File, error) {
	prefix := TempPrefix + filepath.Base(path) + "-"
	if err := sweep(filepath.Dir(path), prefix); err != nil {
		return nil, err
	}
	for {
		f, err := os.CreateTemp(filepath.Dir(path), prefix+"*")
		if err != nil {
			return nil, err
		}
		ok, err := lock(f)
		if ok {
			return f, nil
		}
		// Another process took it for a leftover before it was locked.
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, errors.Join(err, ignoreAbsent(os.Remove(f.Name())))
		}
	}
}

// lock locks a file and reports whether nobody else has it and it still has its
// name.
func lock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	locked, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(locked, named), err
}

// sweep removes the temporaries that no process has locked.
func sweep(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || !e.Type().IsRegular() {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue // gone, or another user's
		}
		if err != nil {
			return err
		}
		ok, err := lock(f)
		if ok {
			err = ignoreAbsent(os.Remove(f.Name()))
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Commit syncs and closes f, renames it to path and syncs the directory. On an
// error f may be open still, and its file remains for the caller to remove.
func Commit(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Rename moves a finished file or directory to its place, on one file system, and
// syncs the directory that gets it.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes renames in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
