// Package cpantest makes CPAN mirrors for tests: the sample application's, out
// of the archives that Debian keeps (Maker), and tiny ones of distributions
// written by hand (WriteMirror).
package cpantest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Author is the author of every distribution that no CPAN author released: what
// tests write by hand, and what had to be rolled again.
const Author = "ENVBUILD"

// Dist is a distribution written by hand.
type Dist struct {
	// Name and Version make up the archive's name: "Foo-Bar" and "1.02".
	Name, Version string
	// Abstract is one line, or empty.
	Abstract string
	// Files are the contents by slash-separated path below the distribution's
	// directory. Those in bin/ and script/ are executable. A Makefile.PL and a
	// META.json are added unless they are here or named in Omit.
	Files map[string]string
	// Omit names files that are not to be added: "META.json", "Makefile.PL".
	Omit []string
	// Requires and ConfigureRequires are minimum versions by module.
	Requires, ConfigureRequires map[string]string
	// Time is the modification time of all files; zero is 2020-01-01.
	Time time.Time
}

// Release is the distribution's name and version: "Foo-Bar-1.02".
func (d Dist) Release() string { return d.Name + "-" + d.Version }

// Path is the archive's path below authors/id.
func (d Dist) Path() string {
	return path.Join(Author[:1], Author[:2], Author, d.Release()+".tar.gz")
}

// Archive is the .tar.gz that a mirror serves. The same Dist gives the same
// bytes with every version of Go.
func (d Dist) Archive() ([]byte, error) {
	files, err := d.allFiles()
	if err != nil {
		return nil, err
	}
	when := d.Time
	if when.IsZero() {
		when = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	b, err := tarGz(d.Release(), files, when)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", d.Release(), err)
	}
	return b, nil
}

// allFiles adds what a distribution needs to be built to the files it has.
func (d Dist) allFiles() (map[string]string, error) {
	files := maps.Clone(d.Files)
	if files == nil {
		files = map[string]string{}
	}
	add := func(name string, content func() (string, error)) error {
		if _, ok := files[name]; ok || slices.Contains(d.Omit, name) {
			return nil
		}
		text, err := content()
		files[name] = text
		return err
	}
	if err := add("META.json", d.metaJSON); err != nil {
		return nil, err
	}
	if _, ok := files["Build.PL"]; ok {
		return files, nil
	}
	return files, add("Makefile.PL", d.makefilePL)
}

// executables are the programs that the distribution installs, sorted.
func (d Dist) executables() []string {
	var exe []string
	for name := range d.Files {
		if isExecutable(name) {
			exe = append(exe, name)
		}
	}
	slices.Sort(exe)
	return exe
}

func isExecutable(name string) bool {
	return strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "script/")
}
