package elfedit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/envbuild/envbuild/internal/tree"
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
// once; if they lie in directories for which the result differs, that is an error.
func FixTree(dir, prefix string) ([]Change, error) {
	entries, err := tree.Scan(dir)
	if err != nil {
		return nil, err
	}
	t := treeFixer{prefix: prefix, infos: map[string]*Info{}}
	for _, e := range entries {
		if err := t.fix(e); err != nil {
			return nil, fmt.Errorf("library search path of %s: %w", e.Source, err)
		}
	}
	return t.changes, nil
}

type treeFixer struct {
	prefix string
	// infos are the ELF files as they were before they were changed.
	infos   map[string]*Info
	changes []Change
}

func (t *treeFixer) fix(e tree.Entry) error {
	switch e.Kind {
	case tree.Hardlink:
		if info := t.infos[e.Target]; info != nil {
			return t.agree(e.Target, info, e.Path)
		}
	case tree.File:
		info, err := readRegular(e.Source)
		if info == nil || err != nil {
			return err
		}
		t.infos[e.Path] = info
		return t.edit(e, info)
	}
	return nil
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
func (t *treeFixer) agree(first string, info *Info, further string) error {
	for _, old := range []string{info.Rpath, info.Runpath} {
		a, b := Relative(old, path.Dir(first), t.prefix), Relative(old, path.Dir(further), t.prefix)
		if a != b {
			return fmt.Errorf("it is also named %s, where %q would have to be %q instead of %q", first, old, a, b)
		}
	}
	return nil
}

func (t *treeFixer) edit(e tree.Entry, info *Info) error {
	relative := func(old string) string { return Relative(old, path.Dir(e.Path), t.prefix) }
	if relative(info.Rpath) == info.Rpath && relative(info.Runpath) == info.Runpath {
		return nil
	}
	f, err := openWritable(e.Source, e.Mode)
	if err != nil {
		return err
	}
	_, err = EditRunpath(f, func(old string) string {
		value := relative(old)
		if value != old {
			t.changes = append(t.changes, Change{Path: e.Path, Old: old, New: value})
		}
		return value
	})
	return errors.Join(err, f.Chmod(e.Mode), f.Close())
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
