package pkgspec

import (
	"strconv"
	"strings"
)

// document is a file and its values, by which errors find their places.
type document struct {
	file  string
	lines []string
	root  *Node
}

func newDocument(file string, data []byte) *document {
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return &document{file: file, lines: lines}
}

// errorAt returns an error at a place; line 0 is the file as a whole. YAML
// parsers put what is absent at the end behind the last line.
func (d *document) errorAt(line, col int, message, hint string) *Error {
	line = min(line, len(d.lines))
	e := &Error{File: d.file, Line: line, Col: col, Message: message, hint: hint}
	if line >= 1 {
		e.Source = maskSecrets(d.lines[line-1])
	}
	return e
}

// find returns the node where the value at a path of keys and list indexes
// stands, or the deepest one on the way to it. A map or list that has a key is
// found at its key.
func (d *document) find(path []string) *Node {
	place, value := d.root, d.root
	for _, step := range path {
		if value.Kind == List {
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(value.Items) {
				break
			}
			value = value.Items[i]
			place = value
			continue
		}
		f := value.field(step)
		if f == nil {
			break
		}
		value, place = f.Value, f.Value
		if k := f.Value.Kind; k == Map || k == List || k == Null {
			place = f.Key
		}
	}
	return place
}

// conflictMarkers are what git leaves at the start of a line.
var conflictMarkers = [...]string{"<<<<<<< ", "||||||| ", ">>>>>>> "}

// conflict returns an error if git left a merge conflict in the file. The YAML
// parser would speak of mappings instead.
func (d *document) conflict(hint string) *Error {
	for i, line := range d.lines {
		for _, m := range conflictMarkers {
			if strings.HasPrefix(line, m) {
				return d.errorAt(i+1, 1, "the file contains an unresolved merge conflict", hint)
			}
		}
	}
	return nil
}
