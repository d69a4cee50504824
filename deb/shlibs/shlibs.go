// Package shlibs finds the Debian packages that hold the shared libraries which
// compiled files load, and the lowest version of each that has the symbols they
// use. It gives what dpkg-shlibdeps gives, without its interpreter, objdump and a source
// package, and for the files of another root too.
package shlibs

import (
	"errors"
	"fmt"

	"github.com/envbuild/envbuild/internal/elfedit"
)

// ELF is a compiled file of the package.
type ELF struct {
	// Path is where the package installs it.
	Path string
	// Source is where it is now.
	Source string
	// Links are the paths of the package's symlinks to it.
	Links []string
}

// Dependency is one relationship: a package, or several to choose from.
type Dependency struct {
	// Relation is "libc6 (>= 2.34)".
	Relation string
	// Sonames are the libraries that it is for, sorted.
	Sonames []string
	// Undocumented says that the package has no symbols or shlibs file for the
	// libraries, as private ones have none. dpkg-shlibdeps leaves such out.
	Undocumented bool
}

// LibraryError says that a library isn't in the package and in no installed one.
type LibraryError struct {
	// File needs Soname.
	File, Soname string
	// Found is where it was found, in no package's list, or empty.
	Found string
}

func (e *LibraryError) Error() string {
	if e.Found != "" {
		return fmt.Sprintf("%s needs %s, which is %s of no package", e.File, e.Soname, e.Found)
	}
	return fmt.Sprintf("%s needs %s, which isn't in the package and not installed", e.File, e.Soname)
}

// Hint says what to do.
func (e *LibraryError) Hint() string {
	return "install the Debian package that has " + e.Soname + ", or build the distribution without it"
}

// Depends returns what the files of a package need of others, sorted as
// dpkg-shlibdeps does. sys is the system whose packages are asked. The libraries that the package brings are left out:
// those that a file's own search path leads to, and those in the directories private,
// from which programs load before the system's (LD_LIBRARY_PATH). Files that
// aren't ELF are skipped.
func Depends(sys System, files []ELF, private []string) ([]Dependency, error) {
	s, objects, err := newSearch(sys, files, private)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if err := s.add(o); err != nil {
			return nil, err
		}
	}
	return s.result(), nil
}

// newSearch reads the files. Without a compiled one nothing is read of the system.
func newSearch(sys System, files []ELF, private []string) (*search, []*object, error) {
	objects, err := readObjects(files)
	if err != nil || len(objects) == 0 {
		return &search{}, nil, err
	}
	db, err := openDatabase(sys)
	if err != nil {
		return nil, nil, err
	}
	s := &search{db: db, inside: map[string]bool{}, private: private, found: map[string]*requirement{}}
	for _, o := range objects {
		s.inside[o.Path] = true
		for _, l := range o.Links {
			s.inside[l] = true
		}
	}
	return s, objects, nil
}

// readObjects leaves out what isn't ELF.
func readObjects(files []ELF) ([]*object, error) {
	var out []*object
	for _, f := range files {
		o, err := readObject(f)
		if errors.Is(err, elfedit.ErrNotELF) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
