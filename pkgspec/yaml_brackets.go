package pkgspec

import (
	"fmt"
	"strings"
)

// bracketReader reads a value in brackets, which may go over several lines.
type bracketReader struct {
	*mistakeFinder
	open []int // where brackets were opened
	// entry, if not -1, is where the entry begins that is being read, and colon where its
	// colon is.
	entry, colon int
	// word, if not -1, is where a value without quotes begins.
	word int
	// closed says that the entry ends with a quote or bracket.
	closed bool
}

// readBrackets reads up to the bracket that closes the one here.
func (f *mistakeFinder) readBrackets() bool {
	r := bracketReader{mistakeFinder: f, entry: -1, colon: -1, word: -1}
	for f.pos < len(f.text) {
		if !r.readToken() {
			return false
		}
		if len(r.open) == 0 {
			return true
		}
	}
	return r.failOpen()
}

// failOpen reports the innermost bracket.
func (r *bracketReader) failOpen() bool {
	at := r.open[len(r.open)-1]
	return r.fail(at, fmt.Sprintf("the %c is not closed", r.text[at]), fmt.Sprintf("add the %c that closes it", closing(r.text[at])))
}

func closing(bracket byte) byte {
	if bracket == '[' {
		return ']'
	}
	return '}'
}

// begin notes that an entry, or the value of one, begins at pos.
func (r *bracketReader) begin(pos int) bool {
	if r.closed {
		return r.fail(pos, "expected a comma or a closing bracket", "")
	}
	if r.entry < 0 {
		r.entry = pos
	}
	return true
}

// end notes that an entry has ended.
func (r *bracketReader) end() { r.entry, r.colon, r.word, r.closed = -1, -1, -1, false }

func (r *bracketReader) readToken() bool {
	c := r.text[r.pos]
	blank := r.pos == 0 || strings.IndexByte(" \t\n", r.text[r.pos-1]) >= 0
	switch {
	case c == '\n':
		r.pos++
		return r.checkLine()
	case strings.IndexByte(" \t\r", c) >= 0:
		r.pos++
	case c == '#' && blank:
		r.pos += len(r.rest())
	case strings.IndexByte("[{", c) >= 0:
		return r.readOpening()
	case strings.IndexByte("]}", c) >= 0:
		return r.readClosing()
	case c == ',':
		if r.entry < 0 {
			return r.fail(r.pos, "expected a value, got a comma", "")
		}
		r.end()
		r.pos++
	case c == ':' && r.isColon():
		return r.readColon()
	case r.word >= 0:
		r.pos++
	case !r.begin(r.pos):
		return false
	case c == '"' || c == '\'':
		r.closed = true
		return r.readQuoted()
	default:
		return r.readWord()
	}
	return true
}

// isColon reports whether the colon here stands behind a key.
func (r *bracketReader) isColon() bool {
	next := r.text[r.pos+1:]
	return next == "" || strings.IndexByte(" \t\r\n,[]{}", next[0]) >= 0 || r.closed
}

func (r *bracketReader) readColon() bool {
	if r.colon >= 0 {
		at := r.pos
		if n := strings.LastIndexByte(r.text[:r.pos], '\n'); r.word >= 0 && n > r.word {
			at = n + 1 + len(r.text[n+1:r.pos]) - len(strings.TrimLeft(r.text[n+1:r.pos], " "))
			return r.fail(at, "expected a comma before the next key", "")
		}
		return r.fail(at, "expected a comma before the next colon", "a value that contains a colon and a space must be in quotes")
	}
	if r.entry < 0 {
		r.entry = r.pos
	}
	r.colon, r.word, r.closed = r.pos, -1, false
	r.pos++
	return true
}

func (r *bracketReader) readOpening() bool {
	if r.word >= 0 {
		hint := "a value that contains brackets must be in quotes"
		if r.text[r.pos-1] == '$' {
			hint = `inside [ ] and { } a value with ${…} must be in quotes: ["${NAME}"]`
		}
		return r.fail(r.pos, fmt.Sprintf("expected a comma, got %c", r.text[r.pos]), hint)
	}
	if !r.begin(r.pos) {
		return false
	}
	r.open = append(r.open, r.pos)
	r.end()
	r.pos++
	return true
}

func (r *bracketReader) readClosing() bool {
	at := r.open[len(r.open)-1]
	want := closing(r.text[at])
	if got := r.text[r.pos]; got != want {
		return r.fail(r.pos, fmt.Sprintf("expected a comma or %c, got %c", want, got), "")
	}
	r.open = r.open[:len(r.open)-1]
	r.end()
	r.entry, r.closed = at, true
	r.pos++
	return true
}

func (r *bracketReader) readWord() bool {
	if r.skipProperties() && (isEnd(" "+r.rest()) || strings.IndexByte("\"'[{]},", r.text[r.pos]) >= 0) {
		return true
	}
	if !r.checkStart() {
		return false
	}
	if c := r.text[r.pos]; c == '|' || c == '>' {
		return r.fail(r.pos, fmt.Sprintf("a value without quotes can't begin with %c", c), fmt.Sprintf("a value that begins with %c must be in quotes", c))
	}
	r.word = r.pos
	r.pos++
	return true
}

// checkLine refuses a line that belongs to the block around the brackets: one of them
// wasn't closed.
func (r *bracketReader) checkLine() bool {
	rest := r.rest()
	trimmed := strings.TrimLeft(rest, " ")
	level := 0
	if n := len(r.levels); n > 0 {
		level = r.levels[n-1].indent
	}
	if len(rest)-len(trimmed) > level || trimmed == "" || strings.IndexByte("]}#\r", trimmed[0]) >= 0 {
		return true
	}
	if keyEnd(trimmed) < 0 && !strings.HasPrefix(trimmed, "- ") {
		return true
	}
	return r.failOpen()
}
