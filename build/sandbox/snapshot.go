package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// snapshot is a tree at one moment: what is at each path, relative to its root.
type snapshot map[string]identity

// identity tells whether a file was touched. A change time, unlike a
// modification time, can't be set back.
type identity struct {
	ino, size uint64
	ctime     syscall.Timespec
	kind      fs.FileMode
}

func takeSnapshot(root string) (snapshot, error) {
	s := snapshot{}
	err := eachBelow(root, func(rel string, fi fs.FileInfo) error {
		s[rel] = identify(fi)
		return nil
	})
	return s, err
}

// eachBelow calls do for everything below root.
func eachBelow(root string, do func(rel string, fi fs.FileInfo) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return do(rel, fi)
	})
}

func identify(fi fs.FileInfo) identity {
	id := identity{kind: fi.Mode().Type(), size: uint64(fi.Size())}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		id.ino, id.ctime = st.Ino, st.Ctim
	}
	return id
}

// deleted lists what is gone from root; of a directory only itself. What is below
// something that isn't a directory any more isn't listed: that one was modified.
func (s snapshot) deleted(root string) ([]string, error) {
	var gone []string
	for rel := range s {
		fi, err := os.Lstat(filepath.Join(root, filepath.Dir(rel)))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !fi.IsDir() {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, err = os.Lstat(filepath.Join(root, rel))
		if errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, rel)
		} else if err != nil {
			return nil, err
		}
	}
	slices.Sort(gone)
	return gone, nil
}

// prune removes from root every file that nobody touched.
func (s snapshot) prune(root string) error {
	return walkOpen(root, func(path string, fi fs.FileInfo) error {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if id, ok := s[rel]; ok && id == identify(fi) {
			return os.Remove(path)
		}
		return nil
	})
}

// touched lists the files of root that aren't what they were, new ones too.
func (s snapshot) touched(root string) ([]string, error) {
	var list []string
	err := eachBelow(root, func(rel string, fi fs.FileInfo) error {
		if id, ok := s[rel]; !fi.IsDir() && (!ok || id != identify(fi)) {
			list = append(list, rel)
		}
		return nil
	})
	return list, err
}
