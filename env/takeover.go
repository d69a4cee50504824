package env

import (
	"slices"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

// Found is an assignment in a hand-written shell file.
type Found struct {
	Name string
	Line int // from 1
	// Value is what is assigned, if Static; otherwise only running the file tells.
	Value  pkgspec.Value
	Static bool
}

// findAssignments finds the variables that a shell file exports, in order. It reads
// plain text, quotes, $NAME, ${NAME} and ${NAME:+:$NAME}, and puts the values of
// variables that aren't exported in the place of references to them. It never
// fails: what only a shell can tell isn't Static.
func findAssignments(data []byte) []Found {
	f := assignmentFinder{exported: map[string]bool{pkgspec.ProjectBase: true}}
	f.readFile(data)
	return inline(f.found, f.exported)
}

// maxParts bounds a value that refers twice to one that refers twice to another
// and so on: it would double with every line.
const maxParts = 1000

// inline replaces references to shell variables by their values and leaves
// those variables out.
func inline(all []Found, exported map[string]bool) []Found {
	local := map[string]Found{}
	var found []Found
	for _, f := range all {
		var value pkgspec.Value
		for _, p := range f.Value {
			if l, ok := local[p.Ref]; ok {
				f.Static = f.Static && l.Static
				value = join(value, l.Value...)
			} else {
				value = join(value, p)
			}
		}
		if len(value) > maxParts || checkValue(f.Name, value.String()) != nil {
			value, f.Static = nil, false
		}
		f.Value = value
		if exported[f.Name] {
			found = append(found, f)
		} else {
			local[f.Name] = f
		}
	}
	return found
}

// join appends parts to v, adjacent literals as one.
func join(v pkgspec.Value, parts ...pkgspec.Part) pkgspec.Value {
	for _, p := range parts {
		last := len(v) - 1
		switch {
		case p == pkgspec.Part{}:
		case p.Ref == "" && last >= 0 && v[last].Ref == "":
			v[last].Literal += p.Literal
		default:
			v = append(v, p)
		}
	}
	return v
}

// takeOver turns assignments into lines below env: in the spec, and returns
// those that it can't.
func takeOver(found []Found) (lines []string, unread []Found) {
	count := map[string]int{}
	for _, f := range found {
		count[f.Name]++
	}
	for _, f := range found {
		if f.Name == pkgspec.ProjectBase {
			continue
		}
		if !f.Static || count[f.Name] > 1 || checkName(f.Name) != nil {
			unread = append(unread, f)
			continue
		}
		entries, isPath := searchPath(f)
		if !isPath {
			lines = append(lines, f.Name+": "+strconv.Quote(f.Value.String()))
			continue
		}
		for i, entry := range entries {
			entries[i] = strconv.Quote(entry)
		}
		lines = append(lines, f.Name+": ["+strings.Join(entries, ", ")+"]")
	}
	return lines, unread
}

// searchPath returns the entries of a value that ends in a reference to its own
// variable behind a colon.
func searchPath(f Found) ([]string, bool) {
	n := len(f.Value) - 1
	if n < 1 || f.Value[n].Ref != f.Name || !strings.HasSuffix(f.Value[n-1].Literal, ":") {
		return nil, false
	}
	entries := strings.Split(strings.TrimSuffix(f.Value[:n].String(), ":"), ":")
	return entries, !slices.Contains(entries, "")
}
