// Package dpkg reads dpkg's database below a directory: which packages there are,
// what they need, and whose a file is.
package dpkg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/envbuild/envbuild/internal/deb822"
	"github.com/envbuild/envbuild/internal/rootfs"
)

// The places of the database.
const (
	statusFile = "/var/lib/dpkg/status"
	infoDir    = "/var/lib/dpkg/info"
)

// Database is dpkg's, as it was when it was opened. The lists of files are read
// when they are asked for. It may be used by several goroutines.
type Database struct {
	root     rootfs.Dir
	packages []Package
	byName   map[string][]int
	arch     string

	provided  func() map[string][]string
	libraries func() (libraries, error)
}

// Open reads the status of the system below root.
func Open(root string) (*Database, error) {
	data, err := os.ReadFile(filepath.Join(root, statusFile))
	if err != nil {
		return nil, fmt.Errorf("read dpkg's database: %w", err)
	}
	return newDatabase(root, string(data)), nil
}

func newDatabase(root, status string) *Database {
	d := &Database{root: rootfs.Dir(root), byName: map[string][]int{}}
	d.provided, d.libraries = sync.OnceValue(d.indexProvided), sync.OnceValues(d.readLibraries)
	for fields := range deb822.Paragraphs(status) { // dpkg itself stops at a wrong line; nobody here repairs it
		p := parsePackage(fields)
		if p.Name == "" || !p.Status.Installed() {
			continue
		}
		d.byName[p.Name] = append(d.byName[p.Name], len(d.packages))
		d.packages = append(d.packages, p)
		if p.Name == "dpkg" {
			d.arch = p.Architecture
		}
	}
	return d
}

// Architecture is the system's own, which is that of its dpkg: "amd64". It is ""
// where dpkg isn't installed.
func (d *Database) Architecture() string { return d.arch }

// Packages returns all packages that are installed, in the order of the status
// file. One that is installed for two architectures is there twice.
func (d *Database) Packages() []Package { return d.packages }

// Package returns an installed package by its name. Of several architectures it
// returns the system's own, unless the name has another behind a colon.
func (d *Database) Package(name string) (Package, bool) {
	name, arch, _ := strings.Cut(name, ":")
	var found *Package
	for _, i := range d.byName[name] {
		p := &d.packages[i]
		switch {
		case arch != "" && p.Architecture != arch:
			continue
		case p.Architecture == d.arch || p.Architecture == "all":
			return *p, true
		case found == nil:
			found = p
		}
	}
	if found == nil {
		return Package{}, false
	}
	return *found, true
}

// Everywhere names the installed packages that every Debian system has.
func (d *Database) Everywhere() []string {
	var out []string
	for _, p := range d.packages {
		if p.Everywhere() {
			out = append(out, p.Name)
		}
	}
	return out
}

// Closure returns the installed ones among some packages, with all that any of
// them needs: every alternative of a dependency, and what provides a virtual
// package.
func (d *Database) Closure(names []string) map[string]bool {
	todo := append([]string(nil), names...)
	seen, out := map[string]bool{}, map[string]bool{}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		todo = append(todo, d.provided()[name]...)
		for _, i := range d.byName[name] {
			out[name] = true
			for _, some := range d.packages[i].Depends() {
				for _, r := range some {
					todo = append(todo, r.Name)
				}
			}
		}
	}
	return out
}

// indexProvided returns the packages that provide each virtual one.
func (d *Database) indexProvided() map[string][]string {
	out := map[string][]string{}
	for _, p := range d.packages {
		for _, name := range p.Provides() {
			out[name] = append(out[name], p.Name)
		}
	}
	return out
}
