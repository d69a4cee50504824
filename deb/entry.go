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

	"github.com/envbuild/envbuild/internal/tree"
)

// EntryError says that an entry can't be packaged.
type EntryError struct {
	Path, Reason string
	hint         string
}

func (e *EntryError) Error() string { return fmt.Sprintf("the package's %q %s", e.Path, e.Reason) }

// Hint says what to do, or is empty.
func (e *EntryError) Hint() string { return e.hint }

// item is an entry that was checked, with the size that it has.
type item struct {
	tree.Entry
	// changed is when the source was last written, to notice that it changes while
	// it is packaged.
	changed time.Time
	// leader is the item that a Hardlink is another name of. Of the names of one
	// file the first in the tar is the leader.
	leader *item
	// md5 is known once the file was read.
	md5 [md5.Size]byte
}

// items are checked entries in the order of their paths, no two with one path, and
// with all directories above them.
type items []*item

// check sorts and completes entries.
func check(entries []tree.Entry) (items, error) {
	t := make(items, 0, len(entries))
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

// time returns the item's time in a package of that date.
func (it *item) time(date time.Time) time.Time {
	if it.Time.IsZero() {
		return date
	}
	return it.Time.UTC().Truncate(time.Second)
}

func (t items) sort() {
	slices.SortFunc(t, func(a, b *item) int { return strings.Compare(a.Path, b.Path) })
}

func checkEntry(e tree.Entry) (*item, error) {
	it := &item{Entry: e}
	switch {
	case !path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || e.Path == "/":
		return it, &EntryError{e.Path, "is not an absolute, clean path", ""}
	case strings.ContainsAny(e.Path, "\x00\n") || strings.ContainsAny(e.Target, "\x00\n"):
		return it, &EntryError{e.Path, "has a name with a NUL or a line break", "rename the file: dpkg's own lists are lines of names"}
	case e.Mode&^(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
		return it, &EntryError{e.Path, fmt.Sprintf("has the mode %v, which says more than permissions", e.Mode), ""}
	case (e.Kind == tree.Symlink || e.Kind == tree.Hardlink) == (e.Target == ""):
		return it, &EntryError{e.Path, "is a link without a target, or no link and has one", ""}
	case e.Kind < tree.File || e.Kind > tree.Hardlink:
		return it, &EntryError{e.Path, fmt.Sprintf("has the unknown kind %d", e.Kind), ""}
	case e.Config && e.Kind != tree.File:
		return it, &EntryError{e.Path, fmt.Sprintf("is a %s and can't be a conffile", e.Kind), ""}
	}
	if e.Kind == tree.File && e.Source != "" {
		return statSource(it)
	}
	it.Size = int64(len(e.Content))
	return it, nil
}

func statSource(it *item) (*item, error) {
	fi, err := os.Lstat(it.Source)
	switch {
	case err != nil:
		return it, fmt.Errorf("the package's %q: %w", it.Path, err)
	case !fi.Mode().IsRegular():
		return it, &EntryError{it.Path, fmt.Sprintf("comes from %s, which is not a regular file", it.Source), ""}
	}
	it.Size, it.changed = fi.Size(), fi.ModTime()
	return it, nil
}

// withParents adds the directories that the list doesn't name.
func (t items) withParents() (items, error) {
	directories := map[string]bool{"/": true}
	others := map[string]bool{}
	for _, it := range t {
		if it.Kind == tree.Dir {
			directories[it.Path] = true
		} else {
			others[it.Path] = true
		}
	}
	for _, it := range t {
		for p := path.Dir(it.Path); ; p = path.Dir(p) {
			if others[p] {
				return nil, &EntryError{it.Path, fmt.Sprintf("lies below %q, which is not a directory", p), ""}
			}
			if directories[p] {
				break
			}
			directories[p] = true
			t = append(t, &item{Entry: tree.Entry{Path: p, Kind: tree.Dir}})
		}
	}
	t.sort()
	return t, nil
}

// link gives each file with several names a leader, whichever of them the
// entries call the file: the one that sorts first.
func (t items) link() error {
	names := map[*item][]*item{}
	for _, it := range t {
		if it.Kind != tree.Hardlink {
			continue
		}
		target := t.find(it.Target)
		if target == nil || target.Kind != tree.File || target.Config {
			return &EntryError{it.Path, fmt.Sprintf("is a hard link to %q, which is not a file of the package", it.Target), ""}
		}
		names[target] = append(names[target], it)
	}
	for file, links := range names {
		content := *file
		all := append(items{file}, links...)
		all.sort()
		for i, it := range all {
			p := it.Path
			*it = content
			it.Path = p
			if i > 0 {
				it.Kind, it.leader = tree.Hardlink, all[0]
				it.Source, it.Content, it.Target = "", nil, all[0].Path
			}
		}
	}
	return nil
}

func (t items) find(p string) *item {
	i, ok := slices.BinarySearchFunc(t, p, func(it *item, p string) int { return strings.Compare(it.Path, p) })
	if !ok {
		return nil
	}
	return t[i]
}

// installedSize is what policy 5.6.20 and dpkg-gencontrol call Installed-Size:
// KiB, every file rounded up, its further names free, everything else as 1.
// nfpm rounds the sum, which is too little by half of the number of files.
func (t items) installedSize() int64 {
	const block = 1024
	size := int64(1) // of the root
	for _, it := range t {
		switch it.Kind {
		case tree.File:
			size += (it.Size + block - 1) / block
		case tree.Symlink:
			size += (int64(len(it.Target)) + block - 1) / block
		case tree.Dir:
			size++
		}
	}
	return size
}
