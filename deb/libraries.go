package deb

import (
	"path"
	"slices"

	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/internal/tree"
)

// Libraries are what the compiled files among some entries tell.
type Libraries struct {
	// Arch is Debian's name of their architecture, "" if there are none.
	Arch string
	// Depends are relationships, sorted, and why each is there.
	Depends []shlibs.Dependency
}

// Relations returns the relationships alone, as Meta.Depends takes them.
func (l Libraries) Relations() []string {
	var out []string
	for _, d := range l.Depends {
		out = append(out, d.Relation)
	}
	return out
}

// ShlibDepends finds the architecture and the shared-library dependencies of the
// entries. sys is the Debian system whose packages have the
// libraries; private are directories of the
// package in which programs find libraries by other means than their own search
// path.
func ShlibDepends(sys shlibs.System, entries []tree.Entry, private []string) (Libraries, error) {
	files := ELFFiles(entries)
	arch, err := shlibs.Arch(files)
	if err != nil {
		return Libraries{}, err
	}
	depends, err := shlibs.Depends(sys, files, private)
	return Libraries{Arch: arch, Depends: depends}, err
}

// ELFFiles lists the entries that may be compiled files, with the links to them,
// by which a program may load a library.
func ELFFiles(entries []tree.Entry) []shlibs.ELF {
	links := map[string][]string{}
	for _, e := range entries {
		if e.Kind == tree.Symlink || e.Kind == tree.Hardlink {
			target := e.Target
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(e.Path), target)
			}
			links[path.Clean(target)] = append(links[path.Clean(target)], e.Path)
		}
	}
	var files []shlibs.ELF
	for _, e := range entries {
		if e.Kind == tree.File && e.Source != "" {
			files = append(files, shlibs.ELF{Path: e.Path, Source: e.Source, Links: linksTo(e.Path, links, nil)})
		}
	}
	return files
}

// linksTo lists the links that lead to a path, through other links too. A link
// can't be met twice unless links go round, so what was met ends the way.
func linksTo(p string, links map[string][]string, met []string) []string {
	for _, l := range links[p] {
		if !slices.Contains(met, l) {
			met = linksTo(l, links, append(met, l))
		}
	}
	return met
}
