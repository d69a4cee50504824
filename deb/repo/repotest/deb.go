package repotest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/tree"
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

// Make makes the package in a directory and returns its path.
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
	if strings.Contains(d.Version, ":") { // what deb takes from settings alone
		return d.dpkg(dir)
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
		Entries: []tree.Entry{{Path: d.Path, Content: []byte(d.Content)}},
	}, f)
}

// dpkg makes the package with dpkg-deb.
func (d Deb) dpkg(dir string) (path string, err error) {
	tree, err := os.MkdirTemp(dir, "tree")
	if err != nil {
		return "", err
	}
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Test <test@example.org>\nDescription: a test\n",
		d.Name, d.Version, d.Arch)
	for name, content := range map[string]string{"DEBIAN/control": control, d.Path: d.Content} {
		name = filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	path = filepath.Join(dir, d.Name+".deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", tree, path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("dpkg-deb: %w: %s", err, out)
	}
	return path, nil
}

// MakeDeb makes a package in a new directory, so that one name and version can be
// made twice.
func MakeDeb(t testing.TB, d Deb) string {
	t.Helper()
	path, err := d.Make(t.TempDir())
	if err != nil {
		t.Fatal(fmt.Errorf("make %s: %w", d.Name, err))
	}
	return path
}
