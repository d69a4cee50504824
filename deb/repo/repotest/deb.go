package repotest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb"
)

// Deb is a small package to be made.
type Deb struct {
	Name, Version string
	// Arch is "all" unless given.
	Arch string
	// Content is what its one file, /usr/share/NAME/content, holds; unless given its
	// version.
	Content string
	// Path is the file's path, if it is to be another.
	Path    string
	Depends []string
}

// Make makes the package in a folder and returns its path.
func (d Deb) Make(dir string) (path string, err error) {
	if d.Arch == "" {
		d.Arch = "all"
	}
	if d.Content == "" {
		d.Content = d.Version + "\n"
	}
	if d.Path == "" {
		d.Path = "/usr/share/" + d.Name + "/content"
	}
	m := deb.Meta{
		Name: d.Name, Version: d.Version, Arch: d.Arch, Maintainer: "Test <test@example.org>",
		Description: "Package " + d.Name + " for tests\nIt holds a file.", Depends: d.Depends,
	}
	path = filepath.Join(dir, deb.FileName(m))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	return path, deb.Write(context.Background(), deb.Request{
		Meta: m, SourceDate: time.Unix(1700000000, 0), Compression: "gzip",
		Entries: []deb.Entry{{Path: d.Path, Content: []byte(d.Content)}},
	}, f)
}

// MakeDeb makes a package in a new folder, so that one name and version can be
// made twice.
func MakeDeb(t testing.TB, d Deb) string {
	t.Helper()
	path, err := d.Make(t.TempDir())
	if err != nil {
		t.Fatal(fmt.Errorf("make %s: %w", d.Name, err))
	}
	return path
}
