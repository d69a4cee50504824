package deb

import (
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
	// Hardlink is another name of the file at Target, a path of the package. It
	// becomes a file of its own with the same content, since nfpm knows no
	// hardlinks.
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
}

// time returns the entry's time in a package of that date.
func (e Entry) time(date time.Time) time.Time {
	if e.Time.IsZero() {
		return date
	}
	return e.Time.UTC().Truncate(time.Second)
}

// EntryError says that an entry can't be packaged.
type EntryError struct {
	Path, Reason string
	hint         string
}

func (e *EntryError) Error() string { return fmt.Sprintf("the package's %q %s", e.Path, e.Reason) }

// Hint says what to do, or is empty.
func (e *EntryError) Hint() string { return e.hint }

// maxContent is the most that a package may hold, in bytes: nfpm keeps the
// compressed content in memory, in a buffer that doubles.
const maxContent = 4 << 30

// item is an entry that was checked.
type item struct {
	Entry
	size int64
}

// tree are checked entries in the order of their paths, no two with one path.
type tree []item

// check sorts entries and resolves hardlinks.
func check(entries []Entry) (tree, error) {
	t := make(tree, 0, len(entries))
	for _, e := range entries {
		it, err := checkEntry(e)
		if err != nil {
			return nil, err
		}
		t = append(t, it)
	}
	slices.SortFunc(t, func(a, b item) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(t); i++ {
		if t[i].Path == t[i-1].Path {
			return nil, &EntryError{t[i].Path, "is there twice", "leave it out of app.files or of package.contents"}
		}
	}
	for i := range t {
		if err := t.resolve(i); err != nil {
			return nil, err
		}
	}
	return t, t.checkWhole()
}

func checkEntry(e Entry) (item, error) {
	it := item{Entry: e}
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

func statSource(it item) (item, error) {
	fi, err := os.Lstat(it.Source)
	switch {
	case err != nil:
		return it, fmt.Errorf("the package's %q: %w", it.Path, err)
	case !fi.Mode().IsRegular():
		return it, &EntryError{it.Path, fmt.Sprintf("comes from %s, which is no regular file", it.Source), ""}
	}
	it.size = fi.Size()
	return it, nil
}

// resolve gives a hardlink the content and mode of its target.
func (t tree) resolve(i int) error {
	if t[i].Type != Hardlink {
		return nil
	}
	target := t.find(t[i].Target)
	if target == nil || target.Type != File && target.Type != Config {
		return &EntryError{t[i].Path, fmt.Sprintf("is a hardlink to %q, which is no file of the package", t[i].Target), ""}
	}
	p := t[i].Path
	t[i] = *target
	t[i].Path = p
	t[i].Type = File
	return nil
}

func (t tree) find(p string) *item {
	i, ok := slices.BinarySearchFunc(t, p, func(it item, p string) int { return strings.Compare(it.Path, p) })
	if !ok {
		return nil
	}
	return &t[i]
}

// checkWhole checks what one entry can't tell: that parents are folders, and the
// size.
func (t tree) checkWhole() error {
	var sum int64
	for _, it := range t {
		for p := path.Dir(it.Path); p != "/"; p = path.Dir(p) {
			if parent := t.find(p); parent != nil && parent.Type != Dir {
				return &EntryError{it.Path, fmt.Sprintf("lies below %q, which is no folder", p), ""}
			}
		}
		if sum += it.size; sum > maxContent {
			return &EntryError{
				it.Path, fmt.Sprintf("brings the package's content to %d bytes; %d are the most", sum, int64(maxContent)),
				"ship large data apart from the application: leave it out of app.files",
			}
		}
	}
	return nil
}

// installedSize is what policy 5.6.20 and dpkg-gencontrol call Installed-Size:
// KiB, every file rounded up, everything else as 1. nfpm rounds the sum, which
// is too little by half of the number of files.
func (t tree) installedSize() int64 {
	const block = 1024
	folders := map[string]bool{"/": true}
	size := int64(1)
	for _, it := range t {
		switch it.Type {
		case File, Config:
			size += (it.size + block - 1) / block
		case Link:
			size++
		}
		p := it.Path
		if it.Type != Dir {
			p = path.Dir(p)
		}
		for ; !folders[p]; p = path.Dir(p) {
			folders[p] = true
			size++
		}
	}
	return size
}
