package env

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Overlay is what is laid over an environment when a command is run. The zero
// value is empty.
type Overlay struct {
	// Files are the env files, most important first.
	Files []File
	// Command holds the command line's assignments; the last of a name counts.
	Command []Assignment
}

// AssignmentError is a -e that is not NAME=VALUE.
type AssignmentError struct{ Text string }

func (e *AssignmentError) Error() string { return fmt.Sprintf("%q is not NAME=VALUE", e.Text) }

// ParseAssignment reads NAME=value, as -e takes it. Errors are *AssignmentError,
// *NameError and *ValueError.
func ParseAssignment(s string) (Assignment, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return Assignment{}, &AssignmentError{s}
	}
	if err := checkName(name); err != nil {
		return Assignment{}, err
	}
	return Assignment{Name: name, Value: value}, checkValue(name, value)
}

// lookup returns what the overlay says of name, and whether the command line
// says it.
func (o Overlay) lookup(name string) (a Assignment, command, ok bool) {
	for _, a := range slices.Backward(o.Command) {
		if a.Name == name {
			return a, true, true
		}
	}
	for _, f := range o.Files {
		if v, ok := f.vars[name]; ok {
			return Assignment{Name: name, Value: v.value}, false, true
		}
	}
	return Assignment{}, false, false
}

// names lists the overlay's variables, sorted.
func (o Overlay) names() []string {
	set := map[string]bool{}
	for _, a := range o.Command {
		set[a.Name] = true
	}
	for _, f := range o.Files {
		for name := range f.vars {
			set[name] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// check refuses an overlay that replaces what the bundle pins. The tail of a
// search path that inherits is the caller's, so it may be replaced.
func (o Overlay) check(e *Environment) error {
	for _, v := range e.vars[:e.pinned] {
		if v.Kind == Unset || v.Kind == Prepend {
			continue
		}
		if slices.ContainsFunc(o.Command, func(a Assignment) bool { return a.Name == v.Name }) {
			return &PinnedError{v.Name, "-e"}
		}
		for _, f := range o.Files {
			if at, ok := f.vars[v.Name]; ok {
				return &PinnedError{v.Name, fmt.Sprintf("%s:%d", f.Name, at.line)}
			}
		}
	}
	return nil
}
