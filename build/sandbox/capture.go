package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/tree"
)

// captureOverlays captures what a command added to each layer.
func captureOverlays(layers []Layer) ([]Changes, error) {
	all := make([]Changes, len(layers))
	for i, l := range layers {
		if l.Upper == "" {
			continue
		}
		var err error
		if all[i], err = captureUpper(l.Upper, l.Lowers); err != nil {
			return nil, fmt.Errorf("capture what the command added to %s: %w", l.Prefix, err)
		}
	}
	return all, nil
}

// captureUpper leaves in upper what isn't the same in the lower directories, and
// nothing of overlayfs: no whiteouts, no attributes, no directories that are there
// only because something below them was touched.
func captureUpper(upper string, lowers []string) (Changes, error) {
	c := capture{upper: upper}
	if err := stripAttributes(upper); err != nil {
		return Changes{}, err
	}
	_, err := c.dir("", lowers)
	slices.Sort(c.changes.Modified)
	slices.Sort(c.changes.Deleted)
	return c.changes, err
}

type capture struct {
	upper   string
	changes Changes
}

// dir captures the directory rel. lowers are the lower directories' own directories at
// rel, topmost first. It reports whether the directory is empty then.
func (c *capture) dir(rel string, lowers []string) (empty bool, err error) {
	entries, err := os.ReadDir(filepath.Join(c.upper, rel))
	if err != nil {
		return false, err
	}
	left := 0
	for _, e := range entries {
		gone, err := c.entry(rel, e.Name(), lowers)
		if err != nil {
			return false, err
		}
		if !gone {
			left++
		}
	}
	return left == 0, nil
}

// entry captures one entry of the directory rel and reports whether it removed it.
func (c *capture) entry(rel, name string, lowers []string) (gone bool, err error) {
	rel = filepath.Join(rel, name)
	full := filepath.Join(c.upper, rel)
	fi, err := os.Lstat(full)
	if err != nil {
		return false, err
	}
	below, err := lookup(lowers, name)
	if err != nil {
		return false, err
	}
	switch {
	case isWhiteout(fi):
		if below != nil {
			c.changes.Deleted = append(c.changes.Deleted, rel)
		}
		return true, os.Remove(full)
	case fi.IsDir():
		return c.directory(rel, fi, below, lowers)
	}
	return c.file(rel, fi, below)
}

// file captures what isn't a directory. Where it is the same as below, it goes.
func (c *capture) file(rel string, fi fs.FileInfo, below *found) (gone bool, err error) {
	full := filepath.Join(c.upper, rel)
	if fi.Mode().IsRegular() {
		if err := makeReadable(full, fi); err != nil {
			return false, err
		}
	}
	if below != nil {
		same, err := sameFile(full, fi, below)
		if err != nil {
			return false, err
		}
		if same {
			return true, os.Remove(full)
		}
		c.changes.Modified = append(c.changes.Modified, rel)
	}
	if !fi.Mode().IsRegular() {
		return false, nil
	}
	return false, stripAttributes(full)
}

// directory captures the directory rel of upper. Where it is merged with lower ones
// and adds nothing, it goes.
func (c *capture) directory(rel string, fi fs.FileInfo, below *found, lowers []string) (gone bool, err error) {
	full := filepath.Join(c.upper, rel)
	if err := makeReadable(full, fi); err != nil {
		return false, err
	}
	var merged []string
	if below != nil && below.info.IsDir() {
		merged = subdirectories(lowers, filepath.Base(rel))
	} else if below != nil {
		c.changes.Modified = append(c.changes.Modified, rel)
	}
	if isOpaque(full) {
		if err := c.hidden(rel, merged); err != nil {
			return false, err
		}
	}
	if err := stripAttributes(full); err != nil {
		return false, err
	}
	empty, err := c.dir(rel, merged)
	if err != nil || !empty || len(merged) == 0 {
		return false, err
	}
	return true, os.Remove(full)
}

// hidden notes what a directory that was removed and made again no longer shows.
func (c *capture) hidden(rel string, lowers []string) error {
	seen := map[string]bool{}
	for _, dir := range lowers {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := filepath.Join(rel, e.Name())
			_, err := os.Lstat(filepath.Join(c.upper, name))
			if seen[name] || err == nil {
				continue
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			seen[name] = true
			c.changes.Deleted = append(c.changes.Deleted, name)
		}
	}
	return nil
}

// found is what the lower directories have at a path.
type found struct {
	path string
	info fs.FileInfo
}

// lookup returns the topmost entry of the name in dirs, or nil.
func lookup(dirs []string, name string) (*found, error) {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		fi, err := os.Lstat(path)
		if err == nil {
			return &found{path, fi}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}

// subdirectories returns the directories of the name in dirs that are merged: up to the
// first that isn't a directory.
func subdirectories(dirs []string, name string) []string {
	var list []string
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		fi, err := os.Lstat(path)
		if err != nil {
			continue
		}
		if !fi.IsDir() {
			break
		}
		list = append(list, path)
	}
	return list
}

// sameFile reports whether a file is what is below: type, bytes, and whether it
// can be executed. Other bits of the mode, times and owners don't count.
func sameFile(path string, fi fs.FileInfo, below *found) (bool, error) {
	if fi.Mode().Type() != below.info.Mode().Type() {
		return false, nil
	}
	if fi.Mode().Type() == fs.ModeSymlink {
		a, err := os.Readlink(path)
		if err != nil {
			return false, err
		}
		b, err := os.Readlink(below.path)
		return a == b, err
	}
	if fi.Size() != below.info.Size() || executable(fi) != executable(below.info) {
		return false, nil
	}
	if !fi.Mode().IsRegular() {
		return true, nil
	}
	return tree.SameContent(path, below.path)
}

func executable(fi fs.FileInfo) bool { return fi.Mode()&0o111 != 0 }

func isWhiteout(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && fi.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0
}

const overlayAttributes = "user.overlay."

func isOpaque(dir string) bool {
	var value [1]byte
	n, err := unix.Lgetxattr(dir, overlayAttributes+"opaque", value[:])
	return err == nil && n == 1 && value[0] == 'y'
}

// stripAttributes removes what overlayfs noted about a file or directory.
func stripAttributes(path string) error {
	var list [1024]byte
	n, err := unix.Llistxattr(path, list[:])
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return pathError("list attributes", path, err)
	}
	for name := range strings.SplitSeq(string(list[:n]), "\x00") {
		if !strings.HasPrefix(name, overlayAttributes) {
			continue
		}
		err := unix.Lremovexattr(path, name)
		if errors.Is(err, unix.EACCES) {
			err = removeReadOnly(path, name)
		}
		if err != nil {
			return pathError("remove attribute "+name, path, err)
		}
	}
	return nil
}

// removeReadOnly removes an attribute of a file that its owner may not write.
func removeReadOnly(path, name string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, fi.Mode().Perm()|0o200); err != nil {
		return err
	}
	return errors.Join(unix.Lremovexattr(path, name), os.Chmod(path, fi.Mode().Perm()))
}

// makeReadable lets the owner read a file, and read and empty a directory: an
// output is hashed, and a temporary directory removed.
func makeReadable(path string, fi fs.FileInfo) error {
	want := fs.FileMode(0o400)
	if fi.IsDir() {
		want = 0o700
	}
	if fi.Mode()&want == want {
		return nil
	}
	return os.Chmod(path, fi.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)|want)
}
