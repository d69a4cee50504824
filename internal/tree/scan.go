package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// Inode identifies a file that may have several names.
type Inode struct{ Dev, Ino uint64 }

// InodeOf returns the inode of a file and how many names it has.
func InodeOf(fi fs.FileInfo) (id Inode, names uint64) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return Inode{}, 1
	}
	return Inode{uint64(st.Dev), st.Ino}, uint64(st.Nlink)
}

// TypeError says that a tree holds something that can't be an entry.
type TypeError struct {
	Path string // relative to the tree
	Mode fs.FileMode
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("%s is %s: expected a file, a directory or a symlink", e.Path, e.Type())
}

// Type says what is there.
func (e *TypeError) Type() string {
	switch {
	case e.Mode&fs.ModeSocket != 0:
		return "a socket"
	case e.Mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case e.Mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a file of the type " + e.Mode.Type().String()
}

// Scan lists everything below dir, without itself, sorted. Of the names of one
// file the first is the File and the others are Hardlinks to it; all have its
// Mode, its Size and a Source. Anything that can't be an entry is a *TypeError.
func Scan(dir string) ([]Entry, error) {
	return ScanFunc(dir, func(string) error { return nil })
}

// ScanFunc is Scan with a call of enter for each directory before it is read, dir
// itself included. It stops where enter fails.
func ScanFunc(dir string, enter func(dir string) error) ([]Entry, error) {
	var entries []Entry
	inodes := map[string]Inode{} // by path, of files with several names
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case !d.IsDir() && name == dir:
			return &fs.PathError{Op: "scan", Path: dir, Err: syscall.ENOTDIR}
		case d.IsDir():
			if err := enter(name); err != nil {
				return err
			}
		}
		if name == dir {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		e, err := newEntry(dir, name, fi)
		if id, names := InodeOf(fi); e.Kind == File && names > 1 {
			inodes[e.Path] = id
		}
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	Sort(entries)
	linkNames(entries, inodes)
	return entries, nil
}

func newEntry(dir, name string, fi fs.FileInfo) (Entry, error) {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Path: filepath.ToSlash(rel), Mode: fi.Mode() &^ fs.ModeType}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		e.Kind = Dir
	case fs.ModeSymlink:
		e.Kind, e.Mode = Symlink, 0
		e.Target, err = os.Readlink(name)
	case 0:
		e.Source, e.Size = name, fi.Size()
	default:
		err = &TypeError{Path: e.Path, Mode: fi.Mode()}
	}
	return e, err
}

// linkNames makes hard links of all names of a file but the first.
func linkNames(entries []Entry, inodes map[string]Inode) {
	if len(inodes) == 0 {
		return
	}
	first := map[Inode]string{}
	for i := range entries {
		e := &entries[i]
		id, ok := inodes[e.Path]
		switch {
		case !ok:
		case first[id] == "":
			first[id] = e.Path
		default:
			e.Kind, e.Target = Hardlink, first[id]
		}
	}
}

// Sum hashes the content of a sorted list's files, several at once, and sets Size
// and SHA256 of them and of their further names. It stops at the first error or
// when ctx ends.
func Sum(ctx context.Context, entries []Entry, limit int) error {
	var files []*Entry
	for i := range entries {
		if entries[i].Kind == File {
			files = append(files, &entries[i])
		}
	}
	err := parallel.Each(ctx, limit, len(files), func(_ context.Context, i int) error { return files[i].sum() })
	if err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		if e.Kind != Hardlink {
			continue
		}
		if file, ok := Find(entries, e.Target); ok {
			e.Mode, e.Size, e.SHA256 = file.Mode, file.Size, file.SHA256
		}
	}
	return nil
}

func (e *Entry) sum() error {
	f, err := e.Open()
	if err != nil {
		return err
	}
	e.SHA256, e.Size, err = digest.SumReader(f)
	return errors.Join(err, f.Close())
}
