// Package atomicfile writes files and folders that are there whole or not at
// all, whatever kills the writer: a temporary in the same folder, fsync, rename,
// fsync of the folder.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// TempPrefix begins the name of every temporary that this package makes, so
// that a store can remove what a killed process left.
const TempPrefix = ".envbuild-tmp-"

// Write puts data at path with exactly the mode perm, whatever the umask.
// The folder must exist. On an error path is as it was before.
func Write(path string, data []byte, perm os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	return Commit(f, path)
}

// Commit syncs and closes f, renames it to path and syncs the folder. On an
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

// Rename moves a finished file or folder to its place, on one file system, and
// syncs the folder that gets it.
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
