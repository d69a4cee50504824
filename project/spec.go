package project

import (
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/pkgspec"
)

// ReadSpec finds the spec from a directory on upwards, reads it, and refuses what
// this version can't do for the use. display writes its path for errors.
func ReadSpec(dir string, use pkgspec.Use, display func(path string) string) (*pkgspec.Spec, error) {
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
	spec, err := pkgspec.Parse(display(path), data)
	if err != nil {
		return nil, err
	}
	spec.Dir = filepath.Dir(path)
	return spec, CheckUse(spec, use)
}

// CheckUse refuses a spec that asks for what this version can't do, or leaves out
// what the use needs.
func CheckUse(spec *pkgspec.Spec, use pkgspec.Use) error {
	if errs := spec.Unsupported(use); len(errs) > 0 {
		return errs
	}
	if errs := spec.Incomplete(use); len(errs) > 0 {
		return errs
	}
	return nil
}
