package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/dpkg"
)

// libraries returns the system libraries that the output's ELF files link, by
// soname and sorted. A cause is a library that nobody declared.
func (j *stepJob) libraries(tree string) (sonames []string, cause, err error) {
	inside, err := j.ownLibraries(tree)
	if err != nil {
		return nil, nil, err
	}
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		needed, err := neededBy(path)
		if err != nil {
			return err
		}
		for _, soname := range needed {
			if inside[soname] || slices.Contains(sonames, soname) {
				continue
			}
			if e := j.undeclared(soname); e != nil {
				e.File, _ = filepath.Rel(tree, path)
				return e
			}
			sonames = append(sonames, soname)
		}
		return nil
	})
	var foreign *ForeignLibraryError
	if errors.As(err, &foreign) {
		return nil, foreign, nil
	}
	slices.Sort(sonames)
	return sonames, nil, err
}

// neededBy returns the libraries that an ELF file names, and nothing for other
// files.
func neededBy(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != elf.ELFMAG {
		return nil, nil // too short to be one, or another kind of file
	}
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, nil // a damaged object, such as a distribution's test data
	}
	defer e.Close()
	if e.Type != elf.ET_DYN && e.Type != elf.ET_EXEC {
		return nil, nil
	}
	needed, err := e.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("read the libraries of %s: %w", path, err)
	}
	return needed, nil
}

// ownLibraries returns the file names under which the step and its closure hold
// files that could be shared libraries.
func (j *stepJob) ownLibraries(tree string) (map[string]bool, error) {
	inside := map[string]bool{}
	trees := []string{tree}
	for _, dep := range j.closure {
		trees = append(trees, dep.Tree)
	}
	for _, t := range trees {
		libs, err := j.builder.libraryNames(t, t != tree)
		if err != nil {
			return nil, err
		}
		for _, name := range libs {
			inside[name] = true
		}
	}
	return inside, nil
}

// undeclared returns an error if the library belongs to no package that every
// step or this one may link.
func (j *stepJob) undeclared(soname string) *ForeignLibraryError {
	e := &ForeignLibraryError{Soname: soname, Step: j.step}
	db, err := j.builder.opts.System.Packages()
	if err != nil {
		return e
	}
	owners, err := db.SonameOwners(soname)
	if err != nil || len(owners) == 0 {
		return e
	}
	linkable := db.Linkable(plan.BasePackages, j.step.SysPackages)
	if slices.ContainsFunc(owners, func(o dpkg.Owner) bool { return linkable(o.Name) }) {
		return nil
	}
	e.Package = owners[0].Name
	return e
}
