package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/deb"
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
	unused := map[string]bool{}
	for _, pattern := range spec.App.Files {
		unused[pattern] = true
	}
	var out []appFile
	err := fs.WalkDir(os.DirFS(spec.Dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && d != nil && d.IsDir() && !reached(spec.App, name):
			return fs.SkipDir // a database's folder, say, which nobody else may read
		case err != nil:
			return err
		case generated(name) && d.IsDir():
			return fs.SkipDir
		case generated(name) || d.IsDir():
			return nil
		}
		for pattern := range unused {
			if named(name, pattern) {
				delete(unused, pattern)
			}
		}
		if !spec.App.Includes(name) {
			return nil
		}
		f, err := readAppFile(spec.Dir, name, d)
		out = append(out, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, pattern := range spec.App.Files {
		if unused[pattern] {
			return nil, spec.ErrorAt("the pattern "+pattern+" matches nothing", "name files or folders that exist", "app", "files", strconv.Itoa(i))
		}
	}
	return out, nil
}

// named reports whether one of the patterns names the path or a folder above it.
func named(path string, patterns ...string) bool {
	return (&pkgspec.App{Files: patterns}).Includes(path)
}

// reached reports whether a pattern may name something in the folder.
func reached(app *pkgspec.App, folder string) bool {
	if named(folder, app.Exclude...) {
		return false
	}
	for _, pattern := range app.Files {
		words, deep := strings.Split(pattern, "/"), strings.Split(folder, "/")
		for i := 0; ; i++ {
			if i == len(words) || i == len(deep) || words[i] == "**" {
				return true
			}
			if ok, err := path.Match(words[i], deep[i]); err == nil && !ok {
				break
			}
		}
	}
	return false
}

// checkFiles finds what is wrong with the application's files before anything is
// built.
func (s *session) checkFiles() error {
	if s.spec.App == nil || len(s.spec.App.Files) == 0 {
		return nil
	}
	files, err := appFiles(s.spec)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.target != "" || f.info.Size() <= deb.MaxFileSize {
			continue
		}
		err := &deb.FileSizeError{Path: f.name, Size: f.info.Size()}
		for i, pattern := range s.spec.App.Files {
			if named(f.name, pattern) {
				return s.spec.ErrorAt(err.Error(), err.Hint()+": exclude: ["+f.name+"]", "app", "files", strconv.Itoa(i))
			}
		}
		return err
	}
	return nil
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
