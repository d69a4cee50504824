package report

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Snapshot is what there is to compare of a package or a lock, by name.
type Snapshot struct {
	// Components have their versions and the digests of their archives.
	Components map[string]ComponentState
	// Fields are those of a control file, or what else is one value.
	Fields map[string]string
	// Scripts are the texts of maintainer scripts.
	Scripts map[string]string
	// Files are those of a package by path.
	Files map[string]FileState
}

// ComponentState is one part.
type ComponentState struct{ Version, SHA256 string }

// FileState is what a file, directory or link is.
type FileState struct {
	// Mode has the type and the permissions, as ls writes them.
	Mode string
	// Owner is "user:group".
	Owner string
	// Size is in bytes.
	Size int64
	// Content is a digest of a file, or the target of a link.
	Content string
}

// Change is one difference. Old is empty for what is new, New for what is gone.
type Change struct {
	// Kind is "component", "field", "script" or "file".
	Kind string `json:"kind"`
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Diff lists what differs from a to b: components, fields, scripts, files, each by
// name.
func Diff(a, b Snapshot) []Change {
	changes := diffMaps("component", a.Components, b.Components, describeComponent)
	changes = append(changes, diffMaps("field", a.Fields, b.Fields, func(s, _ string) string { return s })...)
	changes = append(changes, diffMaps("script", a.Scripts, b.Scripts, func(s, _ string) string { return lines(s) })...)
	return append(changes, diffMaps("file", a.Files, b.Files, describeFile)...)
}

// diffMaps compares what has one name. describe is told the other side, so that
// it can name what makes the difference.
func diffMaps[T comparable](kind string, a, b map[string]T, describe func(v, other T) string) []Change {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	changes := []Change{}
	for _, name := range slices.Compact(names) {
		was, inA := a[name]
		is, inB := b[name]
		if inA == inB && was == is {
			continue
		}
		c := Change{Kind: kind, Name: name}
		if inA {
			c.Old = cmp.Or(describe(was, is), "(empty)")
		}
		if inB {
			c.New = cmp.Or(describe(is, was), "(empty)")
		}
		changes = append(changes, c)
	}
	return changes
}

// describeComponent names the archive where the version doesn't tell.
func describeComponent(c, other ComponentState) string {
	if c.Version == other.Version {
		return fmt.Sprintf("%s (archive %.12s)", c.Version, c.SHA256)
	}
	return c.Version
}

func describeFile(f, other FileState) string {
	text := f.Mode
	if other != (FileState{}) && f.Owner != other.Owner {
		text += " " + f.Owner
	}
	switch {
	case strings.HasPrefix(f.Mode, "L"):
		return text + " → " + f.Content
	case strings.HasPrefix(f.Mode, "d"):
		return text
	case f.Size == other.Size && f.Content != other.Content:
		return fmt.Sprintf("%s %d bytes (%.12s)", text, f.Size, f.Content)
	}
	return fmt.Sprintf("%s %d bytes", text, f.Size)
}

func lines(s string) string {
	if n := strings.Count(s, "\n"); n != 1 {
		return fmt.Sprintf("%d lines", n)
	}
	return "1 line"
}

// Fold makes at most about so many rows of changes for people: of files it names
// directories and counts, the deepest that do.
func Fold(changes []Change, most int) []Change {
	at := slices.IndexFunc(changes, func(c Change) bool { return c.Kind == "file" })
	if at < 0 || len(changes) <= most {
		return changes
	}
	files := changes[at:]
	depth := 0
	for _, c := range files {
		depth = max(depth, strings.Count(c.Name, "/"))
	}
	var rows []Change
	for ; depth > 0; depth-- {
		if rows = foldAt(files, depth); at+len(rows) <= most {
			break
		}
	}
	return append(slices.Clone(changes[:at]), rows...)
}

// foldAt folds what lies deeper than some directories below the root.
func foldAt(files []Change, depth int) []Change {
	var rows []Change
	for i := 0; i < len(files); {
		directory := directoryAt(files[i].Name, depth)
		end := i + 1
		for end < len(files) && directoryAt(files[end].Name, depth) == directory {
			end++
		}
		if end == i+1 {
			rows = append(rows, files[i])
		} else {
			rows = append(rows, foldDirectory(directory, files[i:end]))
		}
		i = end
	}
	return rows
}

// directoryAt returns the directory of a path, at most so deep.
func directoryAt(name string, depth int) string {
	parts := strings.Split(path.Dir(name), "/")
	return strings.Join(parts[:min(len(parts), depth)], "/")
}

func foldDirectory(directory string, files []Change) Change {
	var added, gone, changed int
	for _, c := range files {
		switch {
		case c.Old == "":
			added++
		case c.New == "":
			gone++
		default:
			changed++
		}
	}
	var counts []string
	for _, n := range []struct {
		count int
		what  string
	}{{added, "new"}, {gone, "gone"}, {changed, "changed"}} {
		if n.count > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return Change{Kind: "files", Name: directory + "/…", New: strings.Join(counts, ", ")}
}
