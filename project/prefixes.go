package project

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/env/view"
)

// Prefixes say where the directories of a view are to be: which real prefix takes
// the place of each one that steps were built at. The zero value has none.
type Prefixes struct {
	root string // of what is in none of the directories
	dirs []prefixDir
}

// prefixDir is a directory of a view.
type prefixDir struct {
	build string // the prefix that steps install into
	path  string // in the view
	real  string // where it is to be
}

// NewPrefixes puts the directories of a view below one directory, as local views
// have them.
func NewPrefixes(dirs []lang.Directory, below string) Prefixes {
	p := Prefixes{root: below}
	for _, d := range dirs {
		p.dirs = append(p.dirs, prefixDir{build: d.Prefix, path: d.Path, real: filepath.Join(below, filepath.FromSlash(d.Path))})
	}
	return p
}

// With returns the prefixes with another real one for a prefix of the build.
func (p Prefixes) With(build, place string) Prefixes {
	p.dirs = slices.Clone(p.dirs)
	for i := range p.dirs {
		if p.dirs[i].build == build {
			p.dirs[i].real = place
		}
	}
	return p
}

// rewrites replace the prefixes of the build by the real ones.
func (p Prefixes) rewrites() []view.Rewrite {
	out := make([]view.Rewrite, len(p.dirs))
	for i, d := range p.dirs {
		out[i] = view.Rewrite{From: d.build, To: d.real}
	}
	return out
}

// Builds are the prefixes of the build.
func (p Prefixes) Builds() []string {
	out := make([]string, len(p.dirs))
	for i, d := range p.dirs {
		out[i] = d.build
	}
	return out
}

// Paths are the directories' paths in a view, slash-separated.
func (p Prefixes) Paths() []string {
	out := make([]string, len(p.dirs))
	for i, d := range p.dirs {
		out[i] = d.path
	}
	return out
}

// Relocate puts the real prefixes into a value of a language.
func (p Prefixes) Relocate(value string) string {
	for _, d := range p.dirs {
		value = strings.ReplaceAll(value, d.build, d.real)
	}
	return value
}

// Locate returns where what a view has at path is to be.
func (p Prefixes) Locate(at string) string {
	for _, d := range p.dirs {
		if rest, ok := strings.CutPrefix(at, d.path); ok && (rest == "" || rest[0] == '/') {
			return d.real + rest
		}
	}
	return filepath.Join(p.root, filepath.FromSlash(at))
}

// ViewPaths returns where a view has what a step's output has at a path: nowhere if
// no directory is for the step's prefix.
func (p Prefixes) ViewPaths(s *plan.Step, at string) []string {
	var out []string
	for _, d := range p.dirs {
		if d.build != s.Prefix {
			continue
		}
		for _, place := range s.AllPlaces() {
			out = append(out, path.Join(d.path, place, at))
		}
	}
	return out
}

// Has reports whether views have the step's output: those of steps that the spec
// keeps to builds are in none.
func (p Prefixes) Has(s *plan.Step) bool {
	return slices.ContainsFunc(p.dirs, func(d prefixDir) bool { return d.build == s.Prefix })
}

// Layout is what a view of the project looks like: of all languages but those that
// the spec keeps to builds. Without a lock it has the directories alone.
func (p *Project) Layout(b Built) lang.Layout {
	return p.languages.Shipped(p.Spec).Layout(p.Spec, b.Lock)
}

// prefixesBelow puts the directories of a view below one directory.
func (p *Project) prefixesBelow(dir string) Prefixes {
	return NewPrefixes(p.Layout(Built{}).Directories, dir)
}
