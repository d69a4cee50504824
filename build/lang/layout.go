package lang

import (
	"io/fs"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// LayoutProvider is a language that says itself what its part of a view looks like.
// Others have one directory, which bears the language's name, for what their steps
// install into plan.NewPrefix of that name.
type LayoutProvider interface {
	// Layout is asked without a lock, nil, where the directories alone matter.
	Layout(spec *pkgspec.Spec, lock *pkgspec.Lock) Layout
}

// Layout is what a language's part of a view looks like. Paths are clean,
// slash-separated and relative to the view.
type Layout struct {
	// Directories are where the outputs go, by the prefixes that steps install into.
	Directories []Directory
	// Symlinks and Files are in the view besides what outputs have. A view in which
	// an output has the path already is an error.
	Symlinks []Symlink
	Files    []File
}

// Directory is where a view has the outputs of a prefix.
type Directory struct {
	// Language names the language; Table.Layout fills it in.
	Language string
	// Prefix is that of the steps.
	Prefix string
	// Path is the directory. No directory of a view lies within another.
	Path string
	// Runtime says that the prefix is the runtime's, which may be a package of its
	// own.
	Runtime bool
}

// Symlink is a symlink of a view.
type Symlink struct {
	Path string
	// Target is relative to the symlink's directory.
	Target string
}

// File is a file that is generated for a view.
type File struct {
	Path string
	Mode fs.FileMode
	// Content may have the prefixes of Directories in it, which become the real ones.
	Content string
}

// layoutOf is a language's layout.
func layoutOf(l Language, spec *pkgspec.Spec, lock *pkgspec.Lock) Layout {
	if p, ok := l.(LayoutProvider); ok {
		return p.Layout(spec, lock)
	}
	return Layout{Directories: []Directory{{Prefix: plan.NewPrefix(l.Name()), Path: l.Name()}}}
}
