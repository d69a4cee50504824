package deploy

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
	"github.com/envbuild/envbuild/project"
)

// appFile is a file or link of the application.
type appFile struct {
	// name is slash-separated and relative to the project.
	name string
	info fs.FileInfo
	// target is the link's, if it is one.
	target string
}

// listAppFiles lists the application's files as the spec names them, sorted. What
// envbuild itself writes into a checkout is left out: packages have their own.
// A pattern that matches nothing is an error, since it is a typing mistake more
// often than not.
func listAppFiles(spec *pkgspec.Spec) ([]appFile, error) {
	unused := map[string]bool{}
	for _, pattern := range spec.App.Files {
		unused[pattern] = true
	}
	var out []appFile
	err := fs.WalkDir(os.DirFS(spec.Dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && d != nil && d.IsDir() && !isReached(spec.App, name):
			return fs.SkipDir // a database's directory, say, which nobody else may read
		case err != nil:
			return err
		case isGenerated(name) && d.IsDir():
			return fs.SkipDir
		case isGenerated(name) || d.IsDir():
			return nil
		}
		for pattern := range unused {
			if isNamed(name, pattern) {
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
			return nil, spec.ErrorAt("the pattern "+pattern+" matches nothing", "name files or directories that exist", "app", "files", strconv.Itoa(i))
		}
	}
	return out, nil
}

// isNamed reports whether one of the patterns names the path or a directory above it.
func isNamed(path string, patterns ...string) bool {
	return (&pkgspec.App{Files: patterns}).Includes(path)
}

// isReached reports whether a pattern may name something in the directory.
func isReached(app *pkgspec.App, directory string) bool {
	if isNamed(directory, app.Exclude...) {
		return false
	}
	for _, pattern := range app.Files {
		words, deep := strings.Split(pattern, "/"), strings.Split(directory, "/")
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

// checkAppFiles finds what is wrong with the application's files before anything is
// built.
func checkAppFiles(spec *pkgspec.Spec) error {
	if spec.App == nil || len(spec.App.Files) == 0 {
		return nil
	}
	files, err := listAppFiles(spec)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.target != "" || f.info.Size() <= deb.MaxFileSize {
			continue
		}
		err := &deb.FileSizeError{Path: f.name, Size: f.info.Size()}
		for i, pattern := range spec.App.Files {
			if isNamed(f.name, pattern) {
				return spec.ErrorAt(err.Error(), err.Hint()+": exclude: ["+f.name+"]", "app", "files", strconv.Itoa(i))
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

// isGenerated reports whether a path is one that envbuild writes into a checkout.
func isGenerated(name string) bool {
	switch name {
	case project.ViewLink, ".git", project.RCFile, project.ScriptFile:
		return true
	}
	return false
}
