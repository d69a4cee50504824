package view

import (
	"fmt"
	"strings"
)

// ConflictError says that layers of one part have different things at one path.
type ConflictError struct{ Conflicts []Conflict }

// Conflict is one path of a ConflictError.
type Conflict struct {
	// Path is slash-separated and relative to the view.
	Path string
	// Layers names the distributions that have it, in their order.
	Layers []string
	// Reason says how their versions differ.
	Reason string
}

func (e *ConflictError) Error() string {
	lines := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		lines[i] = fmt.Sprintf("%s of %s (%s)", c.Path, strings.Join(c.Layers, " and "), c.Reason)
	}
	return "distributions install different files at one path: " + strings.Join(lines, "; ")
}

// Hint says what to do about the first conflict.
func (e *ConflictError) Hint() string {
	return "only one of these distributions can be in the bundle; leave one out of the project's dependencies, or take a version of it that no longer holds the other's files"
}

// LeakError says that a file of the view holds what none may hold.
type LeakError struct {
	// Path is slash-separated and relative to the view.
	Path string
	// Member names the place in a compressed file, or is "".
	Member string
	// Layer names the distribution that the file is of.
	Layer string
	// Offset is the place of the first byte: in the file's content, after
	// relocation and, for a Member, decompression; else in its name or target.
	Offset int64
	// What says what was found.
	What string
	// Where is "content", "name" or "link target".
	Where string
	// More is the number of further files that hold something.
	More int
}

func (e *LeakError) Error() string {
	place := e.Path
	if e.Member != "" {
		place += " (" + e.Member + ")"
	}
	more := ""
	if e.More > 0 {
		more = fmt.Sprintf(", and so do %d more files", e.More)
	}
	return fmt.Sprintf("%s of %s: its %s holds %s at offset %d%s", place, e.Layer, e.Where, e.What, e.Offset, more)
}

// Hint says how the distribution can be made relocatable.
func (e *LeakError) Hint() string {
	switch {
	case e.Where != "content":
		return "the recipe has to install it under a name or target that is relative or below its prefix"
	case e.Member != "":
		return "compressed files can't be relocated; the recipe has to leave the file out, uncompress it, or write no absolute path into it"
	}
	return "if the path is a C string in a binary file, name the file in the recipe's binary prefixes; else the recipe has to keep the path out of the file"
}

// PrefixError says that a real prefix can't stand where the placeholder stood.
type PrefixError struct {
	// Path is slash-separated and relative to the view.
	Path string
	// Prefix is the real prefix.
	Prefix string
	// Problem says why it doesn't fit.
	Problem string
	// Max is the number of bytes that the prefix may have, or 0 if its length is
	// not the problem.
	Max int
}

func (e *PrefixError) Error() string {
	return fmt.Sprintf("%s can't hold the prefix %s: %s", e.Path, e.Prefix, e.Problem)
}

// Hint says what kind of prefix would do.
func (e *PrefixError) Hint() string {
	if e.Max > 0 {
		return fmt.Sprintf("choose a prefix of at most %d bytes", e.Max)
	}
	return "choose a prefix without spaces"
}
