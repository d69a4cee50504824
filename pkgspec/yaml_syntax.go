package pkgspec

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// syntaxError turns what yaml/v3 said of the text into an error with a place.
// yaml/v3 knows only a line, and that is often the one where the value around the
// mistake began, so goccy/go-yaml, which knows better, is asked for its opinion.
func (d *document) syntaxError(text string, err error) *Error {
	if e := d.secondOpinion(text); e != nil {
		return e
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1]) // digits by the expression
	}
	e := d.errorAt(line, 1, message, "")
	e.Col += len(e.Source) - len(strings.TrimLeft(e.Source, " "))
	if col, hint := syntaxHint(e.Source); hint != "" {
		e.Col, e.hint = max(e.Col, col), hint
	}
	return e
}

// secondOpinion returns goccy/go-yaml's error, or nil if it has none. It isn't
// asked about texts of a kind for which it takes seconds.
func (d *document) secondOpinion(text string) *Error {
	if len(text) > 64<<10 || strings.Count(text, "[")+strings.Count(text, "{") > 1000 {
		return nil
	}
	_, err := parser.ParseBytes([]byte(text), 0)
	var se *yaml.SyntaxError
	if !errors.As(err, &se) || se.Token == nil || se.Token.Position == nil {
		return nil
	}
	p := se.Token.Position
	message, _, _ := strings.Cut(se.Message, "\n")
	e := d.errorAt(p.Line, p.Column, message, "")
	_, e.hint = syntaxHint(e.Source)
	return e
}

// syntaxHint names the usual reasons for which a line of a spec isn't YAML, and
// the column where the reason stands, or 0.
func syntaxHint(line string) (col int, hint string) {
	indicator := regexp.MustCompile("(?:[\\[{,:]|^ *-)\\s*([>|@`%&*!])").FindStringSubmatchIndex(line)
	_, value, _ := strings.Cut(line, ":")
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return 0, "YAML is indented by spaces, not tabs"
	case indicator != nil:
		at := indicator[2]
		return utf8.RuneCountInString(line[:at]) + 1, fmt.Sprintf("a value that begins with %c must be in quotes", line[at])
	case strings.Contains(value, "${") && strings.ContainsAny(value, "[{"):
		return 0, `inside [ ] and { } a value with ${…} must be in quotes: ["${NAME}"]`
	case strings.Contains(value, ": "):
		return 0, "a value that holds a colon and a space must be in quotes"
	}
	return 0, "look for brackets and quotes that are not closed, and at the indentation, in this line and those before it"
}
