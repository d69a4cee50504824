package deb

import (
	"crypto/md5"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Type is what an entry becomes on the disk.
type Type int

// The types of entries.
const (
	// File is a regular file.
	File Type = iota
	// Config is a file that dpkg keeps when its owner has changed it.
	Config
	// Dir is a folder.
	Dir
	// Link is a symbolic link to Target.
	Link
	// Hardlink is another name of the File at Target, a path of the package.
	Hardlink
)

// Entry is one path of a package.
type Entry struct {
	// Path is absolute and clean.
	Path string
	Type Type
	// Mode holds the permission bits and fs.ModeSetuid, fs.ModeSetgid and
	// fs.ModeSticky. 0 stands for 0644, of a Dir for 0755; links have none.
	Mode fs.FileMode
	// Owner and Group are root unless given. dpkg looks the names up when it
	// unpacks, so they must exist by then.
	Owner, Group string
	// Source is a regular file that holds the content of a File or Config. Without
	// one the content is Content.
	Source  string
	Content []byte
	// Target is what a Link or Hardlink points to.
	Target string
	// Time is when it was last changed, in whole seconds; zero is the package's
	// source date.
	Time time.Time
	// Origin names what the entry comes from, such as the step that made it. What
	// has one origin is compressed together and apart from the others as far as
	// that doesn't make the package larger, so that a change of one origin leaves
	// the compressed parts of the others as they were. What has none belongs to the
	// package itself and is expected to change with each version.
	Origin string
}

// time returns the entry's time in a package of that date.
func (e Entry) time(date time.Time) time.Time {
	if e.Time.IsZero() {
		return date
	}
	return e.Time.UTC().Truncate(time.Second)
}

// mode returns the mode, given or not.
func (e Entry) mode() fs.FileMode {
	switch {
	case e.Type == Link:
		return 0o777
	case e.Mode != 0:
		return e.Mode
	case e.Type == Dir:
		return 0o755
	}
	return 0o644
}

// EntryError says that an entry can't be packaged.
type EntryError struct {
	Path, Reason string
	hint         string
}

func (e *EntryError) Error() string { return fmt.Sprintf("the package's %q %s", e.Path, e.Reason) }

// Hint says what to do, or is empty.
func (e *EntryError) Hint() string { return e.hint }

// item is an entry that was checked.
type item struct {
	Entry
	size int64
	// changed is when the source was last written, to notice that it changes while
	// it is packaged.
	changed time.Time
	// leader is the item that a Hardlink is another name of. Of the names of one
	// file the first in the tar is the leader.
	leader *item
	// md5 is known once the file was read.
	md5 [md5.Size]byte
}

// tree are checked entries in the order of their paths, no two with one path, and
// with all folders above them.
type tree []*item

// check sorts and completes entries.
func check(entries []Entry) (tree, error) {
	t := make(tree, 0, len(entries))
	for _, e := range entries {
		it, err := checkEntry(e)
		if err != nil {
			return nil, err
		}
		t = append(t, it)
	}
	t.sort()
	for i := 1; i < len(t); i++ {
		if t[i].Path == t[i-1].Path {
			return nil, &EntryError{t[i].Path, "is there twice", "leave it out of app.files or of package.contents"}
		}
	}
	t, err := t.withParents()
	if err == nil {
		err = t.link()
	}
	return t, err
}

func (t tree) sort() {
	slices.SortFunc(t, func(a, b *item) int { return strings.Compare(a.Path, b.Path) })
}

func checkEntry(e Entry) (*item, error) {
	it := &item{Entry: e}
	switch {
	case !path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || e.Path == "/":
		return it, &EntryError{e.Path, "is not an absolute, clean path", ""}
	case strings.ContainsAny(e.Path, "\x00\n") || strings.ContainsAny(e.Target, "\x00\n"):
		return it, &EntryError{e.Path, "has a name with a NUL or a line break", "rename the file: dpkg's own lists are lines of names"}
	case e.Mode&^(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
		return it, &EntryError{e.Path, fmt.Sprintf("has the mode %v, which says more than permissions", e.Mode), ""}
	case (e.Type == Link || e.Type == Hardlink) == (e.Target == ""):
		return it, &EntryError{e.Path, "is a link without a target, or no link and has one", ""}
	case e.Type < File || e.Type > Hardlink:
		return it, &EntryError{e.Path, fmt.Sprintf("has the unknown type %d", e.Type), ""}
	}
	if (e.Type == File || e.Type == Config) && e.Source != "" {
		return statSource(it)
	}
	it.size = int64(len(e.Content))
	return it, nil
}

func statSource(it *item) (*item, error) {
	fi, err := os.Lstat(it.Source)
	switch {
	case err != nil:
		return it, fmt.Errorf("the package's %q: %w", it.Path, err)
	case !fi.Mode().IsRegular():
		return it, &EntryError{it.Path, fmt.Sprintf("comes from %s, which is no regular file", it.Source), ""}
	}
	it.size, it.changed = fi.Size(), fi.ModTime()
	return it, nil
}

// withParents adds the folders that the list doesn't name.
func (t tree) withParents() (tree, error) {
	folders := map[string]bool{"/": true}
	others := map[string]bool{}
	for _, it := range t {
		if it.Type == Dir {
			folders[it.Path] = true
		} else {
			others[it.Path] = true
		}
	}
	for _, it := range t {
		for p := path.Dir(it.Path); ; p = path.Dir(p) {
			if others[p] {
				return nil, &EntryError{it.Path, fmt.Sprintf("lies below %q, which is no folder", p), ""}
			}
			if folders[p] {
				break
			}
			folders[p] = true
			t = append(t, &item{Entry: Entry{Path: p, Type: Dir}})
		}
	}
	t.sort()
	return t, nil
}

// link gives each file with several names a leader, whichever of them the
// entries call the file: the one that sorts first.
func (t tree) link() error {
	names := map[*item][]*item{}
	for _, it := range t {
		if it.Type != Hardlink {
			continue
		}
		target := t.find(it.Target)
		if target == nil || target.Type != File {
			return &EntryError{it.Path, fmt.Sprintf("is a hardlink to %q, which is no file of the package", it.Target), ""}
		}
		names[target] = append(names[target], it)
	}
	for file, links := range names {
		content := *file
		all := append(tree{file}, links...)
		all.sort()
		for i, it := range all {
			p := it.Path
			*it = content
			it.Path = p
			if i > 0 {
				it.Type, it.leader = Hardlink, all[0]
				it.Source, it.Content, it.Target = "", nil, all[0].Path
			}
		}
	}
	return nil
}

func (t tree) find(p string) *item {
	i, ok := slices.BinarySearchFunc(t, p, func(it *item, p string) int { return strings.Compare(it.Path, p) })
	if !ok {
		return nil
	}
	return t[i]
}

// installedSize is what policy 5.6.20 and dpkg-gencontrol call Installed-Size:
// KiB, every file rounded up, its further names free, everything else as 1.
// nfpm rounds the sum, which is too little by half of the number of files.
func (t tree) installedSize() int64 {
	const block = 1024
	size := int64(1) // of the root
	for _, it := range t {
		switch it.Type {
		case File, Config:
			size += (it.size + block - 1) / block
		case Link:
			size += (int64(len(it.Target)) + block - 1) / block
		case Dir:
			size++
		}
	}
	return size
}
