package project

import (
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// ReadSpec finds the spec from a directory on upwards, reads it, and refuses one
// that lacks what the use needs. languages are those that a spec may have; display
// writes its path for errors.
func ReadSpec(dir string, use pkgspec.Use, languages lang.Table, display func(path string) string) (*pkgspec.Spec, error) {
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return nil, usagef("-C: %s is not a directory", dir)
	}
	path, err := pkgspec.Find(dir)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	spec, err := pkgspec.Parse(display(path), data, languages.Formats()...)
	if err != nil {
		return nil, err
	}
	spec.Dir = filepath.Dir(path)
	return spec, CheckUse(spec, use)
}

// CheckUse refuses a spec that leaves out what the use needs.
func CheckUse(spec *pkgspec.Spec, use pkgspec.Use) error {
	if errs := spec.Incomplete(use); len(errs) > 0 {
		return errs
	}
	return nil
}
