package tree

import (
	"slices"
	"strings"
)

// Sort sorts entries bytewise by path, so that a directory stands before what it
// holds.
func Sort(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
}

// Find returns the entry at the path of a sorted list.
func Find(entries []Entry, path string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(entries, path, func(e Entry, p string) int { return strings.Compare(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return entries[i], true
}

// Within reports whether a clean path is dir or something below it.
func Within(path, dir string) bool {
	return path == dir || dir == "/" && strings.HasPrefix(path, "/") || strings.HasPrefix(path, dir+"/")
}

// Move returns the entries with other paths, also as the targets of hard links.
// What symlinks say stays.
func Move(entries []Entry, place func(path string) string) []Entry {
	out := slices.Clone(entries)
	for i := range out {
		e := &out[i]
		e.Path = place(e.Path)
		if e.Kind == Hardlink {
			e.Target = place(e.Target)
		}
	}
	return out
}
