package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/tree"
)

// copyTree copies what is in the directory from into the directory to, which may be
// there, with modes, times and hard links. What is already there stays. It
// never makes hard links to the original: a command that appends to its copy
// would write into the store.
func copyTree(from, to string) error {
	links := map[tree.Inode]string{}
	type directory struct {
		path string
		info fs.FileInfo
	}
	var directories []directory
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if have, err := os.Lstat(target); err == nil {
			if fi.IsDir() && !have.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if fi.IsDir() {
			directories = append(directories, directory{target, fi})
			return os.Mkdir(target, 0o700)
		}
		return copyEntry(path, target, fi, links)
	})
	if err != nil {
		return err
	}
	// Last, so that a directory that may not be written gets its files, and each its
	// own time.
	for i := len(directories) - 1; i >= 0; i-- {
		if err := copyAttributes(directories[i].path, directories[i].info); err != nil {
			return err
		}
	}
	return nil
}

func copyEntry(from, to string, fi fs.FileInfo, links map[tree.Inode]string) error {
	switch fi.Mode().Type() {
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		id, n := tree.InodeOf(fi)
		if first, ok := links[id]; ok {
			return os.Link(first, to)
		}
		if err := tree.CopyFile(from, to); err != nil {
			return err
		}
		if n > 1 {
			links[id] = to
		}
		return copyAttributes(to, fi)
	case fs.ModeNamedPipe:
		return pathError("mkfifo", to, unix.Mkfifo(to, uint32(fi.Mode().Perm())))
	case fs.ModeSocket:
		return nil // nobody listens any more
	}
	return fmt.Errorf("copy %s: it is neither a file nor a directory nor a symlink", from)
}

func copyAttributes(path string, fi fs.FileInfo) error {
	if err := os.Chmod(path, fi.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// moveEntries moves what is in the directory from into the directory to. Between file
// systems it copies and removes.
func moveEntries(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			// A directory's own entry ".." changes: that needs write permission.
			fi, err := e.Info()
			if err != nil {
				return err
			}
			if err := makeReadable(a, fi); err != nil {
				return err
			}
		}
		err := os.Rename(a, b)
		if errors.Is(err, unix.EXDEV) {
			return copyAndRemove(from, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyAndRemove(from, to string) error {
	if err := openDirs(from); err != nil {
		return err
	}
	if err := copyTree(from, to); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := tree.RemoveAll(filepath.Join(from, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// openDirs makes every directory below root readable and writable for its
// owner, and every file readable.
func openDirs(root string) error {
	fi, err := os.Lstat(root)
	if err != nil || !fi.IsDir() {
		return err
	}
	if err := makeReadable(root, fi); err != nil {
		return err
	}
	return walkOpen(root, func(string, fs.FileInfo) error { return nil })
}
