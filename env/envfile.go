package env

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"
)

// File is an env file: NAME=value lines as godotenv reads them.
type File struct {
	Name string
	vars map[string]fileVar
}

type fileVar struct {
	value string
	line  int
}

// SyntaxError is a line of an env file that godotenv refuses, or that it would
// read otherwise than it is written.
type SyntaxError struct {
	File string
	Line int // from 1
	// Message says what is wrong, Advice what to write instead.
	Message, Advice string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Hint says what to write instead.
func (e *SyntaxError) Hint() string { return e.Advice }

// ReadFile reads the env file at path. A file that isn't there is an empty one
// if optional is set.
func ReadFile(path string, optional bool) (File, error) {
	data, err := os.ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return File{Name: path}, nil
	}
	if err != nil {
		return File{}, fmt.Errorf("env file: %w", err)
	}
	return parseFile(path, data)
}

// parseFile reads an env file; name is for errors, which are *SyntaxError. The
// values are godotenv's. What godotenv would mangle without a word is an error,
// found by a scanner that goes over the file as godotenv does.
func parseFile(name string, data []byte) (File, error) {
	s := fileScanner{src: bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), lines: map[string]int{}}
	if err := s.scan(); err != nil {
		err.File = name
		return File{}, err
	}
	values, err := godotenv.UnmarshalBytes(data)
	if err != nil {
		return File{}, &SyntaxError{File: name, Line: 1, Message: err.Error()}
	}
	if len(values) != len(s.lines) {
		return File{}, &SyntaxError{File: name, Line: 1, Message: "godotenv reads other variables than are written"}
	}
	f := File{Name: name, vars: make(map[string]fileVar, len(values))}
	for key, value := range values {
		line := s.lines[key]
		if err := errors.Join(checkName(key), checkValue(key, value)); err != nil {
			return File{}, &SyntaxError{File: name, Line: line, Message: err.Error()}
		}
		f.vars[key] = fileVar{value, line}
	}
	return f, nil
}

// fileScanner walks statements exactly as godotenv 1.5.1 (parser.go) does.
type fileScanner struct {
	src []byte
	pos int
	// lines holds the line of each variable's last assignment so far.
	lines   map[string]int
	counter lineCounter
}

func (s *fileScanner) scan() *SyntaxError {
	if bytes.HasPrefix(s.src, []byte("\ufeff")) {
		return s.fail("the file begins with a byte order mark", "save it as UTF-8 without one")
	}
	if i := bytes.IndexByte(s.src, 0); i >= 0 {
		s.pos = i
		return s.fail("a NUL byte", "")
	}
	if i := invalidUTF8(s.src); i >= 0 {
		s.pos = i
		return s.fail("not UTF-8", "")
	}
	for s.nextStatement() {
		if err := s.statement(); err != nil {
			return err
		}
	}
	return nil
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// nextStatement skips white space and comments.
func (s *fileScanner) nextStatement() bool {
	for {
		s.skip(" \t\n\v\f")
		if s.pos == len(s.src) {
			return false
		}
		if s.src[s.pos] != '#' {
			return true
		}
		s.pos = s.until("\n")
	}
}

func (s *fileScanner) statement() *SyntaxError {
	start := s.pos
	end := s.until("\r\n")
	sep := bytes.IndexAny(s.src[start:end], "=:")
	if sep < 0 {
		return s.fail("a line without =", "write NAME=value")
	}
	key := string(s.src[start : start+sep])
	if rest, ok := strings.CutPrefix(key, "export"); ok && rest != strings.TrimLeft(rest, " \t\v\f") {
		key = rest
	}
	key = strings.Trim(key, " \t\v\f")
	if !isName(key) {
		return s.fail(fmt.Sprintf("%q is not a valid name of a variable", key), "a name is made of letters of ASCII, digits and _")
	}
	s.pos = start + sep + 1
	s.skip(" \t\v\f")
	line := s.line()
	var err *SyntaxError
	if s.pos < len(s.src) && (s.src[s.pos] == '"' || s.src[s.pos] == '\'') {
		err = s.quoted(s.src[s.pos])
	} else {
		err = s.bare()
	}
	s.lines[key] = line
	return err
}

// bare reads a value without quotes, up to the line's end or a comment.
func (s *fileScanner) bare() *SyntaxError {
	start, end := s.pos, s.until("\r\n")
	value := string(s.src[start:end])
	if bytes.HasPrefix(s.src[end:], []byte("\r")) {
		return s.fail("a carriage return without a line feed", "end lines with a line feed")
	}
	if strings.Trim(value, "\u0085\u00a0") != value {
		return s.fail("a no-break space at the end of the value would be lost", "put the value in quotes")
	}
	comments := 0
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && strings.IndexByte(" \t\v\f", value[i-1]) >= 0 {
			comments++
		}
	}
	if comments > 1 {
		return s.fail("the comment holds another #, and godotenv would take the text between them for the value", "put the value in quotes, or the comment on a line of its own")
	}
	if comments == 1 {
		value = value[:strings.LastIndex(value, "#")]
	}
	if err := s.references(value); err != nil {
		return err
	}
	s.pos = end
	return nil
}

// quoted reads a value in quotes. godotenv takes every quote behind a backslash
// for a part of the value, whatever stands before the backslash.
func (s *fileScanner) quoted(quote byte) *SyntaxError {
	end := s.pos + 1
	for ; end < len(s.src); end++ {
		if s.src[end] == quote && s.src[end-1] != '\\' {
			break
		}
	}
	if end == len(s.src) {
		return s.fail("the quote isn't closed", `godotenv takes \`+string(quote)+" for a quote inside the value, also after a second backslash")
	}
	value := string(s.src[s.pos+1 : end])
	err := s.single(value)
	if quote == '"' {
		err = s.double(value)
	}
	if err != nil {
		return err
	}
	s.pos = end + 1
	s.skip(" \t\v\f")
	if s.pos < len(s.src) && s.src[s.pos] != '\n' && s.src[s.pos] != '#' {
		return s.fail("text after the closing quote", "godotenv doesn't join pieces as a shell does: put the whole value in one pair of quotes")
	}
	return nil
}

func (s *fileScanner) single(value string) *SyntaxError {
	if i := strings.Index(value, `\'`); i >= 0 {
		return s.failAt(i+1, `\' keeps its backslash between single quotes`, "put the value in double quotes")
	}
	return nil
}

func (s *fileScanner) double(value string) *SyntaxError {
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' {
			continue
		}
		i++
		if i == len(value) || strings.IndexByte("nr\\\"$'`", value[i]) < 0 {
			return s.failAt(i, "an escape other than \\n, \\r, \\\\, \\\", \\$ would lose its backslash", "write the character itself, or two backslashes for one")
		}
		if value[i] == '"' && i == len(value)-1 {
			return s.failAt(i, `a value that ends in \" would lose the quote`, "put the value in single quotes")
		}
	}
	return s.references(value)
}

// references refuses every dollar that godotenv would expand to nothing, or
// that looks like an expansion it doesn't know. value begins at s.pos, or one
// byte after it.
func (s *fileScanner) references(value string) *SyntaxError {
	advice := `write \$ for a dollar, or put the value in single quotes; only $NAME and ${NAME} are expanded, of capitals, digits and _, assigned earlier in the same file`
	for i := 0; i < len(value); i++ {
		if value[i] != '$' || i > 0 && value[i-1] == '\\' {
			continue
		}
		rest := value[i+1:]
		rest, braces := strings.CutPrefix(rest, "{")
		n := 0
		for n < len(rest) && isNameByte(rest[n]) {
			n++
		}
		name := rest[:n]
		closed := strings.HasPrefix(rest[n:], "}")
		switch {
		case name == "" && !braces && !strings.HasPrefix(rest, "("):
			continue // a plain dollar
		case name == "" || braces != closed:
			return s.failAt(i, "an expansion that godotenv doesn't know", advice)
		case strings.ToUpper(name) != name:
			return s.failAt(i, fmt.Sprintf("$%s isn't expanded as a whole: it has small letters", name), advice)
		}
		if _, ok := s.lines[name]; !ok {
			return s.failAt(i, fmt.Sprintf("$%s isn't assigned earlier in this file, so it would be empty", name), advice)
		}
	}
	return nil
}

func (s *fileScanner) fail(message, advice string) *SyntaxError { return s.failAt(0, message, advice) }

// failAt reports the line that is offset bytes after the position.
func (s *fileScanner) failAt(offset int, message, advice string) *SyntaxError {
	s.pos = min(s.pos+offset, len(s.src))
	return &SyntaxError{Line: s.line(), Message: message, Advice: advice}
}

func (s *fileScanner) line() int { return s.counter.at(s.src, s.pos) }

// lineCounter numbers lines from 1. Positions that grow cost one pass in all.
type lineCounter struct{ pos, line int }

func (c *lineCounter) at(src []byte, pos int) int {
	if pos < c.pos {
		*c = lineCounter{}
	}
	c.line += bytes.Count(src[c.pos:pos], []byte("\n"))
	c.pos = pos
	return c.line + 1
}

func (s *fileScanner) skip(set string) {
	for s.pos < len(s.src) && strings.IndexByte(set, s.src[s.pos]) >= 0 {
		s.pos++
	}
}

// until returns the position of the next byte of set, or the end.
func (s *fileScanner) until(set string) int {
	if i := bytes.IndexAny(s.src[s.pos:], set); i >= 0 {
		return s.pos + i
	}
	return len(s.src)
}
