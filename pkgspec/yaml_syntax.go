package pkgspec

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// syntaxError turns what yaml/v3 said of the text into an error with a place.
// yaml/v3 knows only a line, and that is often the one where the value around the
// mistake began, so the text is searched for the mistake itself.
func (d *document) syntaxError(text string, err error) *Error {
	if m := findMistake(text); m != nil {
		before := text[:m.pos]
		lineStart := strings.LastIndexByte(before, '\n') + 1
		line, col := strings.Count(before, "\n")+1, utf8.RuneCountInString(before[lineStart:])+1
		return d.errorAt(line, col, m.message, m.hint)
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1]) // digits by the expression
	}
	e := d.errorAt(line, 1, message, "look for brackets and quotes that are not closed, and at the indentation, in this line and those after it")
	e.Col += len(e.Source) - len(strings.TrimLeft(e.Source, " "))
	return e
}
