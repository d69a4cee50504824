package main

import (
	"fmt"
	"strings"
)

// exceptions are the files that a set of rules isn't held for, with a reason each.
// The list can only shrink: an entry that nothing needs is a finding.
type exceptions struct {
	path    string // of the list itself
	entries []exception
}

// exception is a line of the list.
type exception struct {
	path string
	line int
}

// parseExceptions reads a list: a path and a reason on each line, apart from blank
// lines and those that begin with #.
func parseExceptions(path, text string) (exceptions, error) {
	list := exceptions{path: path}
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		switch {
		case strings.TrimSpace(reason) == "":
			return list, fmt.Errorf("%s:%d: %s has no reason", path, number, name)
		case seen[name]:
			return list, fmt.Errorf("%s:%d: %s is listed twice", path, number, name)
		}
		seen[name] = true
		list.entries = append(list.entries, exception{name, number})
	}
	return list, nil
}

// filter drops the findings of files that are listed, and adds one for each entry
// that dropped none.
func (list exceptions) filter(findings []finding) []finding {
	used := map[string]bool{}
	for _, e := range list.entries {
		used[e.path] = false
	}
	var left []finding
	for _, f := range findings {
		if _, listed := used[f.path]; listed {
			used[f.path] = true
			continue
		}
		left = append(left, f)
	}
	for _, e := range list.entries {
		if !used[e.path] {
			left = append(left, finding{list.path, e.line, e.path, "nothing needs this exception any more; delete the line"})
		}
	}
	return left
}
