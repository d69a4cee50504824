package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

// appFile is a file or link of the application.
type appFile struct {
	// name is slash-separated and relative to the project.
	name string
	info fs.FileInfo
	// target is the link's, if it is one.
	target string
}

// appFiles lists the application's files as the spec names them, sorted. What
// envbuild itself writes into a checkout is left out: packages have their own.
// A pattern that matches nothing is an error, since it is a typing mistake more
// often than not.
func appFiles(spec *pkgspec.Spec) ([]appFile, error) {
	used := make([]bool, len(spec.App.Files))
	var out []appFile
	err := fs.WalkDir(os.DirFS(spec.Dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == "." {
			return nil
		}
		if generated(name) || matchesAny(spec.App.Exclude, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		wanted := false
		for i, pattern := range spec.App.Files {
			if matchAt(pattern, name) {
				used[i], wanted = true, true
			}
		}
		if d.IsDir() {
			if !wanted && !slices.ContainsFunc(spec.App.Files, func(p string) bool { return mayMatchBelow(p, name) }) {
				return fs.SkipDir
			}
			return nil
		}
		if !wanted {
			return nil
		}
		f, err := readAppFile(spec.Dir, name, d)
		out = append(out, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, ok := range used {
		if !ok {
			return nil, spec.ErrorAt("the pattern "+spec.App.Files[i]+" matches nothing", "name files or folders that exist", "app", "files", fmt.Sprint(i))
		}
	}
	return out, nil
}

func readAppFile(dir, name string, d fs.DirEntry) (appFile, error) {
	f := appFile{name: name}
	var err error
	if f.info, err = d.Info(); err != nil {
		return f, err
	}
	switch {
	case d.Type() == fs.ModeSymlink:
		f.target, err = os.Readlink(filepath.Join(dir, name))
	case !d.Type().IsRegular():
		err = fmt.Errorf("%s is neither a file nor a link and can't be packaged", name)
	}
	return f, err
}

// generated reports whether a path is one that envbuild writes into a checkout.
func generated(name string) bool {
	switch name {
	case viewLink, ".git", "config/env.rc", "script/env.sh":
		return true
	}
	return false
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchAt(p, name) })
}

// matchAt reports whether a pattern names a path or a folder above it.
func matchAt(pattern, name string) bool {
	elements := strings.Split(path.Clean(pattern), "/")
	for ; name != "."; name = path.Dir(name) {
		if matchElements(elements, strings.Split(name, "/")) {
			return true
		}
	}
	return false
}

// matchElements matches path elements; ** stands for any number of folders.
func matchElements(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(name) + 1 {
				if matchElements(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); !ok || err != nil {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}

// mayMatchBelow reports whether something in the folder could match.
func mayMatchBelow(pattern, folder string) bool {
	elements := strings.Split(path.Clean(pattern), "/")
	for i, e := range strings.Split(folder, "/") {
		if i >= len(elements) {
			return false
		}
		if elements[i] == "**" {
			return true
		}
		if ok, err := path.Match(elements[i], e); !ok || err != nil {
			return false
		}
	}
	return true
}
