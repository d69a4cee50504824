package pkgspec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong in a document.
type Error struct {
	File string
	// Line and Col count from 1; Col counts characters. They are 0 where no place
	// is known.
	Line, Col int
	Message   string
	// Source is the text of the line, without what looks like a secret.
	Source string

	hint string
}

// Error returns "file:line:col: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Message)
}

// Hint says what to do, or is empty.
func (e *Error) Hint() string { return e.hint }

// Place is where it is wrong, for tools that show errors beside the file.
func (e *Error) Place() (file string, line, col int) { return e.File, e.Line, e.Col }

// Caret returns the line and below it a caret under the place, or "" where no
// line is known. Of a long line it returns the part around the place. Tabs are
// kept, so that the caret stands right in any terminal.
func (e *Error) Caret() string {
	const most = 120
	if e.Source == "" || e.Line == 0 {
		return ""
	}
	line, at := []rune(e.Source), min(max(e.Col-1, 0), len([]rune(e.Source)))
	if from := at - most/2; from > 0 && len(line) > most {
		line, at = append([]rune("…"), line[from:]...), at-from+1
	}
	if len(line) > most {
		line = append(line[:most:most], '…')
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(line[:at]))
	return string(line) + "\n" + pad + "^"
}

// Errors are all things wrong in one document, in the order of their places. It
// is never empty.
type Errors []*Error

// Error returns the messages, one a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As and errors.Is the single errors.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Hint is the first error's.
func (es Errors) Hint() string {
	if len(es) == 0 {
		return ""
	}
	return es[0].Hint()
}

// sorted orders the errors by their places.
func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return es
}
