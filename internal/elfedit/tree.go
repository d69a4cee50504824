package elfedit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// Change is a library search path that FixTree replaced.
type Change struct {
	// Path is slash-separated and relative to the tree.
	Path string
	// Old and New are the values; New is "" where the search path was removed.
	Old, New string
}

// FixTree makes the library search paths of all ELF files in dir independent of
// prefix, the absolute path at which dir's content was installed; see Relative.
// What begins like ELF and is damaged is left alone, as no loader loads it.
// Changes come in the order of their paths. A file of several names is changed
// once; if they lie in folders for which the result differs, that is an error.
func FixTree(dir, prefix string) ([]Change, error) {
	t := treeFixer{dir: dir, prefix: prefix, inodes: map[inode]fixed{}}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := t.fix(name, d); err != nil {
			return fmt.Errorf("library search path of %s: %w", name, err)
		}
		return nil
	})
	return t.changes, err
}

type inode struct{ dev, ino uint64 }

// fixed is a file of several names, as it was before it was changed.
type fixed struct {
	path string
	info *Info
}

type treeFixer struct {
	dir, prefix string
	inodes      map[inode]fixed
	changes     []Change
}

func (t *treeFixer) fix(name string, d fs.DirEntry) error {
	rel, err := filepath.Rel(t.dir, name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	fi, err := d.Info()
	if err != nil {
		return err
	}
	st, linked := fi.Sys().(*syscall.Stat_t)
	linked = linked && st.Nlink > 1
	if linked {
		if first, ok := t.inodes[inode{uint64(st.Dev), st.Ino}]; ok {
			return t.agree(first, rel)
		}
	}
	info, err := readRegular(name)
	if info == nil || err != nil {
		return err
	}
	if linked {
		t.inodes[inode{uint64(st.Dev), st.Ino}] = fixed{rel, info}
	}
	return t.edit(name, rel, fi.Mode(), info)
}

// readRegular returns nil for a file that isn't loadable ELF.
func readRegular(name string) (*Info, error) {
	info, err := ReadFile(name)
	var format *FormatError
	if errors.Is(err, ErrNotELF) || errors.As(err, &format) {
		return nil, nil
	}
	return info, err
}

// agree fails if a further name of a file asks for another search path.
func (t *treeFixer) agree(first fixed, rel string) error {
	for _, old := range []string{first.info.Rpath, first.info.Runpath} {
		a, b := Relative(old, path.Dir(first.path), t.prefix), Relative(old, path.Dir(rel), t.prefix)
		if a != b {
			return fmt.Errorf("it is also named %s, where %q would have to be %q instead of %q", first.path, old, a, b)
		}
	}
	return nil
}

func (t *treeFixer) edit(name, rel string, mode fs.FileMode, info *Info) error {
	relative := func(old string) string { return Relative(old, path.Dir(rel), t.prefix) }
	if relative(info.Rpath) == info.Rpath && relative(info.Runpath) == info.Runpath {
		return nil
	}
	f, err := openWritable(name, mode)
	if err != nil {
		return err
	}
	_, err = EditRunpath(f, func(old string) string {
		value := relative(old)
		if value != old {
			t.changes = append(t.changes, Change{Path: rel, Old: old, New: value})
		}
		return value
	})
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// openWritable opens a file for editing that was installed read-only, as
// MakeMaker installs libraries.
func openWritable(name string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrPermission) {
		return f, err
	}
	if err := os.Chmod(name, mode|0o200); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_RDWR, 0)
}
