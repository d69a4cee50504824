package pkgspec

import (
	"fmt"
	"regexp"
	"strings"
)

// mistake is a reason for which a text isn't YAML.
type mistake struct {
	pos           int // in bytes
	message, hint string
}

// findMistake returns the first place at which a text that isn't YAML goes wrong, or
// nil if it finds none. It knows what specs are made of: maps, lists and values over
// several lines, in blocks and in brackets, and quotes. It doesn't search texts that are
// far larger than a spec: of long lines it reads the rest again and again.
func findMistake(text string) *mistake {
	if len(text) > 64<<10 {
		return nil
	}
	f := mistakeFinder{
		text:       text,
		properties: regexp.MustCompile(`^([&!][\w!<>:/-]+[ \t]*)+`),
		badStart:   regexp.MustCompile("^([@`%,\\]}]|[&*](\\W|$))"),
		header:     regexp.MustCompile(`^[|>][-+0-9]*[ \t\r]*( #|$)`),
		escape:     regexp.MustCompile(`^\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0abt\tnvfre "/\\N_LP'\r\n])`),
	}
	for f.found == nil && !f.lost && f.pos < len(text) {
		f.readLine()
	}
	return f.found
}

// mistakeFinder reads blocks line by line. Its read methods return false after a
// mistake.
type mistakeFinder struct {
	text   string
	pos    int
	levels []blockLevel // the maps and lists that the line is in
	value  valueState
	found  *mistake
	// lost says that the text holds YAML that the finder doesn't know.
	lost bool

	properties *regexp.Regexp // an anchor and a tag
	badStart   *regexp.Regexp // what no value begins with
	header     *regexp.Regexp // of a value in the lines below
	escape     *regexp.Regexp // between double quotes
}

// blockLevel is a map or a list whose lines are indented alike.
type blockLevel struct {
	indent int
	list   bool
}

// valueState says which lines may follow below the last key or item.
type valueState int

const (
	valueMissing  valueState = iota // a map or a list, or a value of its own
	valuePlain                      // more words of the value
	valueComplete                   // nothing
)

const indentHint = "the lines of a map or list must begin in the same column"

func (f *mistakeFinder) fail(pos int, message, hint string) bool {
	f.found = &mistake{pos, message, hint}
	return false
}

// rest is what follows on the line.
func (f *mistakeFinder) rest() string {
	line, _, _ := strings.Cut(f.text[f.pos:], "\n")
	return line
}

func (f *mistakeFinder) skipLine() { f.pos = min(f.pos+len(f.rest())+1, len(f.text)) }

func (f *mistakeFinder) skip(set string) {
	for f.pos < len(f.text) && strings.IndexByte(set, f.text[f.pos]) >= 0 {
		f.pos++
	}
}

// isEnd reports whether nothing but a comment is left of a line.
func isEnd(rest string) bool {
	trimmed := strings.TrimLeft(rest, " \t\r")
	return trimmed == "" || trimmed[0] == '#' && len(trimmed) < len(rest)
}

func (f *mistakeFinder) readLine() {
	start := f.pos
	f.skip(" ")
	switch rest := f.rest(); {
	case isEnd(" " + rest):
		f.skipLine()
	case rest[0] == '\t':
		f.fail(f.pos, "the line is indented with a tab", "indent YAML with spaces, not tabs")
	case f.pos == start && (strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "...")):
		f.levels, f.value = nil, valueMissing
		f.lost = !isEnd(rest[3:])
		f.skipLine()
	default:
		f.readEntry(f.pos - start)
	}
}

// readEntry reads a line whose text begins in the column indent, from 0.
func (f *mistakeFinder) readEntry(indent int) {
	rest := f.rest()
	if rest[0] == '?' || rest[0] == '%' || len(f.levels) > 100 {
		f.lost = true
		return
	}
	list := rest == "-" || strings.HasPrefix(rest, "- ")
	if f.value == valuePlain && len(f.levels) > 0 && indent > f.levels[len(f.levels)-1].indent {
		if keyEnd(rest) >= 0 {
			f.fail(f.pos, "the line is indented deeper than the key above it, which has a value", indentHint)
		}
		f.skipLine()
		return
	}
	if !f.enterLevel(indent, list) {
		return
	}
	if list {
		f.pos++
		f.value = valueMissing
		f.skip(" ")
		if rest := f.rest(); isEnd(" " + rest) {
			f.skipLine()
		} else {
			f.readItem(f.pos - strings.LastIndexByte(f.text[:f.pos], '\n') - 1)
		}
		return
	}
	f.readKey()
}

// readItem reads what stands behind the dash of a list, where a map or another list may begin.
func (f *mistakeFinder) readItem(indent int) {
	rest := f.rest()
	if rest == "-" || strings.HasPrefix(rest, "- ") || strings.IndexByte("[{", rest[0]) < 0 && keyEnd(rest) >= 0 {
		f.readEntry(indent)
		return
	}
	f.readValue()
}

// enterLevel finds the map or list that a line belongs to.
func (f *mistakeFinder) enterLevel(indent int, list bool) bool {
	n := len(f.levels)
	for n > 0 && f.levels[n-1].indent > indent {
		n--
	}
	dropped := n < len(f.levels)
	f.levels = f.levels[:n]
	switch {
	case n == 0 || f.levels[n-1].indent < indent:
		if dropped || n > 0 && f.value != valueMissing {
			return f.fail(f.pos, "the indentation matches no line above", indentHint)
		}
		f.levels = append(f.levels, blockLevel{indent, list})
	case list && !f.levels[n-1].list:
		if f.value != valueMissing || dropped {
			return f.fail(f.pos, "expected a key, got a list item", indentHint)
		}
		f.levels = append(f.levels, blockLevel{indent, true})
	case !list && f.levels[n-1].list:
		if n == 1 || f.levels[n-2].indent < indent {
			return f.fail(f.pos, "expected a list item, got a key", "list items begin with a dash and a space; "+indentHint)
		}
		f.levels = f.levels[:n-1]
	}
	return true
}

// keyEnd returns where the colon behind a line's key is, or -1.
func keyEnd(line string) int {
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimRight(line, "\r")
	start := 0
	if line != "" && (line[0] == '"' || line[0] == '\'') {
		if n := strings.IndexByte(line[1:], line[0]); n >= 0 {
			start = n + 2
		}
	}
	for i := start; i < len(line); i++ {
		if line[i] == ':' && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
			return i
		}
	}
	return -1
}

func (f *mistakeFinder) readKey() {
	rest := f.rest()
	end := keyEnd(rest)
	switch {
	case rest[0] == '[' || rest[0] == '{':
		f.readValue()
		return
	case end <= 0:
		f.fail(f.pos, "expected a key, a colon and a value", "there must be a space after the colon")
		return
	}
	f.pos += end + 1
	f.value = valueMissing
	f.skip(" \t")
	if isEnd(" " + f.rest()) {
		f.skipLine()
		return
	}
	f.readValue()
}

// readValue reads the value of a key or item, and what follows it on its last line.
func (f *mistakeFinder) readValue() {
	start := f.pos
	f.skipProperties()
	f.value = valueComplete
	rest := f.rest()
	ok := true
	switch {
	case rest == "":
		f.value = valueMissing
	case !f.checkStart():
		return
	case rest[0] == '"' || rest[0] == '\'':
		ok = f.readQuoted()
	case rest[0] == '[' || rest[0] == '{':
		ok = f.readBrackets()
	case rest[0] == '|' || rest[0] == '>':
		f.readBlockScalar()
		return
	default:
		ok = f.readPlain()
	}
	if !ok {
		return
	}
	if !isEnd(f.rest()) {
		f.failBehind(start)
		return
	}
	f.skipLine()
}

// failBehind reports text behind a value that is complete. If the value is of
// several lines, it was meant to end in its first.
func (f *mistakeFinder) failBehind(start int) {
	if first := f.text[start]; (first == '"' || first == '\'') && strings.Contains(f.text[start:f.pos], "\n") {
		f.fail(start, fmt.Sprintf("the %c is closed only on line %d", first, strings.Count(f.text[:f.pos], "\n")+1), fmt.Sprintf("add the %c that ends the value", first))
		return
	}
	f.skip(" \t")
	hint := "put the whole value in quotes"
	if last := f.text[f.pos-1]; last == ']' || last == '}' {
		hint = "look for a bracket that is closed twice, or a comma that is missing"
	}
	f.fail(f.pos, "expected nothing after the end of the value", hint)
}

// skipProperties goes behind an anchor and a tag, and reports whether there are any.
func (f *mistakeFinder) skipProperties() bool {
	n := len(f.properties.FindString(f.rest()))
	f.pos += n
	return n > 0
}

// checkStart refuses what no value begins with.
func (f *mistakeFinder) checkStart() bool {
	rest := f.rest()
	switch c := rest[0]; {
	case f.badStart.MatchString(rest),
		strings.IndexByte("|>", c) >= 0 && !f.header.MatchString(rest):
		return f.fail(f.pos, fmt.Sprintf("a value without quotes can't begin with %c", c), fmt.Sprintf("a value that begins with %c must be in quotes", c))
	case strings.HasPrefix(rest, "- "):
		return f.fail(f.pos, "expected a value, got a list item", "list items begin on the lines below the key")
	}
	return true
}

func (f *mistakeFinder) readPlain() bool {
	rest := f.rest()
	if end := keyEnd(rest); end >= 0 {
		return f.fail(f.pos+end, "unexpected second colon on the line", "a value that contains a colon and a space must be in quotes")
	}
	f.value = valuePlain
	f.pos += len(rest)
	return true
}

// readBlockScalar reads the lines of a | or >.
func (f *mistakeFinder) readBlockScalar() {
	least := 0
	if n := len(f.levels); n > 0 {
		least = f.levels[n-1].indent + 1
	}
	f.skipLine()
	for first := true; f.pos < len(f.text); f.skipLine() {
		rest := f.rest()
		indent := len(rest) - len(strings.TrimLeft(rest, " "))
		if strings.TrimSpace(rest) == "" {
			continue
		}
		if indent < least {
			return
		}
		if first {
			first, least = false, indent
		}
	}
}

// readQuoted reads up to the quote that closes the one here.
func (f *mistakeFinder) readQuoted() bool {
	quote, start := f.text[f.pos], f.pos
	for f.pos++; f.pos < len(f.text); f.pos++ {
		switch c := f.text[f.pos]; {
		case c == '\\' && quote == '"':
			if !f.escape.MatchString(f.text[f.pos:]) {
				return f.fail(f.pos, "not a valid YAML escape", `write \\ for a backslash, or put the value in single quotes`)
			}
			f.pos++
		case c == quote && quote == '\'' && strings.HasPrefix(f.text[f.pos+1:], "'"):
			f.pos++
		case c == quote:
			f.pos++
			return true
		}
	}
	return f.fail(start, fmt.Sprintf("the %c is not closed", quote), fmt.Sprintf("add the %c that ends the value", quote))
}
