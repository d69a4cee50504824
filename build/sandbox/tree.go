package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyTree copies what is in the folder from into the folder to, which may be
// there, with modes, times and hard links. What is already there stays. It
// never makes hard links to the original: a command that appends to its copy
// would write into the store.
func copyTree(from, to string) error {
	links := map[inode]string{}
	type folder struct {
		path string
		info fs.FileInfo
	}
	var folders []folder
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
			folders = append(folders, folder{target, fi})
			return os.Mkdir(target, 0o700)
		}
		return copyEntry(path, target, fi, links)
	})
	if err != nil {
		return err
	}
	// Last, so that a folder that may not be written gets its files, and each its
	// own time.
	for i := len(folders) - 1; i >= 0; i-- {
		if err := copyAttributes(folders[i].path, folders[i].info); err != nil {
			return err
		}
	}
	return nil
}

// inode identifies a file that may have several names.
type inode struct{ dev, ino uint64 }

func inodeOf(fi fs.FileInfo) (id inode, links uint64) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, 1
	}
	return inode{uint64(st.Dev), st.Ino}, uint64(st.Nlink)
}

func copyEntry(from, to string, fi fs.FileInfo, links map[inode]string) error {
	switch fi.Mode().Type() {
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		id, n := inodeOf(fi)
		if first, ok := links[id]; ok {
			return os.Link(first, to)
		}
		if err := copyFile(from, to); err != nil {
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
	return fmt.Errorf("copy %s: it is neither a file nor a folder nor a symbolic link", from)
}

// copyFile shares the file's blocks where the file system can (btrfs, XFS), and
// else lets the kernel copy: io.Copy uses copy_file_range.
func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil {
		return nil
	}
	_, err = io.Copy(dst, src)
	return err
}

func copyAttributes(path string, fi fs.FileInfo) error {
	if err := os.Chmod(path, fi.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// moveEntries moves what is in the folder from into the folder to. Between file
// systems it copies and removes.
func moveEntries(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.IsDir() {
			// A folder's own entry ".." changes: that needs write permission.
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
	if err := openFolders(from); err != nil {
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
		if err := removeAll(filepath.Join(from, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// openFolders makes every folder below root readable and writable for its
// owner, and every file readable.
func openFolders(root string) error {
	fi, err := os.Lstat(root)
	if err != nil || !fi.IsDir() {
		return err
	}
	if err := makeReadable(root, fi); err != nil {
		return err
	}
	return walkOpen(root, func(string, fs.FileInfo) error { return nil })
}

// removeAll removes a tree, also one with folders that may not be read or
// written: overlayfs leaves one of mode 000.
func removeAll(root string) error {
	if err := os.RemoveAll(root); err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err := openFolders(root); err != nil {
		return err
	}
	return os.RemoveAll(root)
}
