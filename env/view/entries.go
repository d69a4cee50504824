package view

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Entry is one thing in a tree.
type Entry struct {
	// Path is slash-separated and relative to the tree.
	Path string
	// Mode has the type and the permissions.
	Mode fs.FileMode
	// Size is that of a regular file in bytes, else 0.
	Size int64
	// Target is what a symbolic link points at.
	Target string
	// Hardlink is the path, the smallest one, of another entry whose inode this
	// one shares, or "".
	Hardlink string
}

// Entries lists everything below dir, without itself, sorted bytewise by path.
func Entries(dir string) ([]Entry, error) {
	var entries []Entry
	var inodes []inode
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		e := Entry{Path: filepath.ToSlash(rel), Mode: fi.Mode()}
		switch fi.Mode().Type() {
		case fs.ModeSymlink:
			e.Target, err = os.Readlink(name)
		case 0:
			e.Size = fi.Size()
		}
		entries = append(entries, e)
		inodes = append(inodes, sharedInode(fi))
		return err
	})
	if err != nil {
		return nil, err
	}
	return linkEntries(entries, inodes), nil
}

// inode names a file that has several names; it is zero for others.
type inode struct{ dev, ino uint64 }

func sharedInode(fi fs.FileInfo) inode {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.Mode().IsRegular() || st.Nlink < 2 {
		return inode{}
	}
	return inode{uint64(st.Dev), st.Ino}
}

func linkEntries(entries []Entry, inodes []inode) []Entry {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(entries[a].Path, entries[b].Path) })
	first := map[inode]string{}
	sorted := make([]Entry, 0, len(entries))
	for _, i := range order {
		e := entries[i]
		if inodes[i] != (inode{}) {
			if first[inodes[i]] == "" {
				first[inodes[i]] = e.Path
			} else {
				e.Hardlink = first[inodes[i]]
			}
		}
		sorted = append(sorted, e)
	}
	return sorted
}
