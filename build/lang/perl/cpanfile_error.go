package perl

import "fmt"

// SyntaxError is a place in one of the project's own files that can't be read.
type SyntaxError struct {
	File string
	// Line and Col count from 1. Col is 0 where only the line is known.
	Line, Col int
	Message   string
	hint      string
}

func newSyntaxError(p place, hint, format string, args ...any) *SyntaxError {
	return &SyntaxError{File: p.file, Line: p.line, Col: p.col, Message: fmt.Sprintf(format, args...), hint: hint}
}

// Error returns "FILE:LINE:COL: message".
func (e *SyntaxError) Error() string {
	return place{e.File, e.Line, e.Col}.String() + ": " + e.Message
}

// Hint says what to do, or is empty.
func (e *SyntaxError) Hint() string { return e.hint }

// programError says that a cpanfile goes beyond the statements that can be read
// without running it. That isn't a mistake of the file's author.
type programError struct {
	place     place
	construct string
}

func (e *programError) Error() string { return e.syntaxError().Error() }

// syntaxError is what a person is told where the file can't be run.
func (e *programError) syntaxError() *SyntaxError {
	return e.place.errorf(
		"write requirements as plain statements (requires 'Module', 'version';) so that the file can be read without running it",
		"%s makes this cpanfile a program, and there is no perl to run it", e.construct)
}
