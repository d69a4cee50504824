// Package tree describes what is in a directory or is to be: the store's outputs,
// views, packages and tarballs are all lists of its entries.
package tree

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// Kind is what an entry is on a disk.
type Kind int

// The kinds of entries.
const (
	// File is a regular file.
	File Kind = iota
	// Dir is a directory.
	Dir
	// Symlink is a symlink to Target.
	Symlink
	// Hardlink is a further name of the File whose path is Target.
	Hardlink
)

// String is the kind as messages call it.
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Dir:
		return "directory"
	case Symlink:
		return "symlink"
	case Hardlink:
		return "hard link"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Entry is one path of a tree. Where the tree comes from decides which of the
// fields are known; each says what it means where it isn't.
type Entry struct {
	// Path is clean and slash-separated: relative to the tree, or absolute where the
	// tree is that of a machine.
	Path string
	Kind Kind
	// Mode holds the permission bits and fs.ModeSetuid, fs.ModeSetgid and
	// fs.ModeSticky, never a type. 0 stands for 0644, of a Dir for 0755. A Symlink
	// has none, and of a Hardlink that of the File counts.
	Mode fs.FileMode
	// Target is a Symlink's text or the Path of a Hardlink's File.
	Target string
	// Source is the regular file on this machine that holds the content of a File.
	// Without one the content is Content. A Hardlink may have one too.
	Source  string
	Content []byte
	// Size, in bytes, and SHA256 are of the content of a File or Hardlink, where
	// somebody asked for them.
	Size   int64
	SHA256 digest.SHA256

	// What follows matters to whoever ships the tree.

	// Time is when the entry was last changed, in whole seconds; zero is the date of
	// all of the tree.
	Time time.Time
	// Owner and Group are names, root unless given.
	Owner, Group string
	// Config says that a File belongs to the machine's administrator once it is
	// there: dpkg calls it a conffile.
	Config bool
	// Origin names what the entry comes from, such as the step that made it.
	Origin string
}

// Permissions returns the mode, given or not.
func (e Entry) Permissions() fs.FileMode {
	switch {
	case e.Kind == Symlink:
		return 0o777
	case e.Mode != 0:
		return e.Mode
	case e.Kind == Dir:
		return 0o755
	}
	return 0o644
}

// Executable reports whether anyone may execute the file.
func (e Entry) Executable() bool {
	return (e.Kind == File || e.Kind == Hardlink) && e.Mode&0o111 != 0
}

// Open opens the content of a File.
func (e Entry) Open() (io.ReadSeekCloser, error) {
	if e.Source == "" {
		return memory{bytes.NewReader(e.Content)}, nil
	}
	return os.Open(e.Source)
}

// memory is content that needs no closing.
type memory struct{ *bytes.Reader }

// Close implements io.Closer.
func (memory) Close() error { return nil }
