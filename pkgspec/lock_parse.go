package pkgspec

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/envbuild/envbuild/internal/digest"
)

const relock = "run envbuild lock"

// ParseLock reads what Encode writes; comments and empty lines may be anywhere.
// The error is an *Error, the first one: a lock is made by a program, so there is
// nothing to mend one by one. file is its path, for errors.
//
// It reads by lines, without a YAML parser: exec reads the lock each time, and a YAML
// parser (goccy/go-yaml 1.19) took half a second for 5,000 lines.
func ParseLock(file string, data []byte) (*Lock, error) {
	doc := newDocument(file, data)
	if err := doc.conflict("take either side of the file, then " + relock); err != nil {
		return nil, err
	}
	p := &lockParser{doc: doc}
	p.advance()
	l := p.lock()
	if p.err == nil && !p.end() {
		p.fail(p.at, 1, "the line doesn't belong here", relock)
	}
	if p.err != nil {
		return nil, p.err
	}
	return l, nil
}

// lockParser reads a lock line by line. After the first error it stands still
// and returns zero values.
type lockParser struct {
	doc *document
	// at is the number of the current line, from 1.
	at  int
	err *Error
}

// advance goes to the next line that isn't empty or a comment.
func (p *lockParser) advance() {
	for p.at++; p.at <= len(p.doc.lines); p.at++ {
		s := strings.TrimLeft(p.doc.lines[p.at-1], " ")
		if s != "" && s[0] != '#' {
			return
		}
	}
}

func (p *lockParser) end() bool { return p.at > len(p.doc.lines) }

func (p *lockParser) fail(line, col int, message, hint string) {
	if p.err == nil {
		p.err = p.doc.errorAt(line, col, message, hint)
	}
}

// depth returns how deep the current line is indented, or -1 at the end.
func (p *lockParser) depth() int {
	if p.err != nil || p.end() {
		return -1
	}
	s := p.doc.lines[p.at-1]
	spaces := len(s) - len(strings.TrimLeft(s, " "))
	if spaces%2 != 0 {
		p.fail(p.at, spaces+1, "the line is indented by an odd number of spaces", relock)
		return -1
	}
	return spaces / 2
}

// scalarAt is a value and where it stands.
type scalarAt struct {
	text      string
	line, col int
}

// entry reads the current line, "key: value" or "key:", at a depth, and advances.
func (p *lockParser) entry(depth int) (key, value scalarAt) {
	if d := p.depth(); d != depth {
		if p.end() {
			p.fail(max(1, len(p.doc.lines)), 1, "the file ends too early", relock)
		}
		p.fail(p.at, 1, fmt.Sprintf("expected a line indented by %d spaces", 2*depth), relock)
		return scalarAt{}, scalarAt{}
	}
	rest := p.doc.lines[p.at-1][2*depth:]
	col := 2*depth + 1
	key, rest = p.word(rest, col, true)
	if p.err == nil && !strings.HasPrefix(rest, ":") {
		p.fail(p.at, col, `expected "key: value"`, relock)
	}
	if value := strings.TrimPrefix(rest, ":"); strings.HasPrefix(value, " ") {
		return key, p.last(value[1:], p.column(value[1:]))
	} else if value != "" {
		p.fail(p.at, p.column(value), `expected "key: value"`, relock)
	}
	p.advance()
	return key, scalarAt{line: key.line, col: key.col}
}

// last reads the word that ends the current line and advances.
func (p *lockParser) last(s string, col int) scalarAt {
	v, rest := p.word(s, col, false)
	if p.err == nil && rest != "" {
		p.fail(p.at, p.column(rest), "something follows the value", relock)
	}
	p.advance()
	return v
}

// column returns where the rest of the current line begins.
func (p *lockParser) column(rest string) int {
	l := p.doc.lines[p.at-1]
	return utf8.RuneCountInString(l[:len(l)-len(rest)]) + 1
}

// word reads a quoted or a plain word at the start of s; a plain key ends before
// the colon that ends the key.
func (p *lockParser) word(s string, col int, key bool) (scalarAt, string) {
	v := scalarAt{line: p.at, col: col}
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err == nil {
			v.text, err = strconv.Unquote(quoted)
		}
		if err != nil {
			p.fail(p.at, col, "the quotes are not closed, or hold an unknown escape", relock)
		}
		return v, s[len(quoted):]
	}
	plain, rest := s, ""
	if key {
		if i := strings.Index(s+" ", ": "); i >= 0 {
			plain, rest = s[:i], s[i:]
		}
	}
	if plain == "" || strings.ContainsAny(plain, " \t\"'#,[]{}&*!|>%@`") {
		p.fail(p.at, col, "expected a word or a string in double quotes", relock)
	}
	v.text = plain
	return v, rest
}

// value reads an entry that must have this key, and its value.
func (p *lockParser) value(depth int, key string) scalarAt {
	k, v := p.entry(depth)
	if p.err == nil && k.text != key {
		p.fail(k.line, k.col, fmt.Sprintf("expected the key %s, found %s", key, quote(k.text)), relock)
	}
	return v
}

// section reads an entry that must have this key and no value.
func (p *lockParser) section(depth int, key string) {
	v := p.value(depth, key)
	if p.err == nil && v.text != "" {
		p.fail(v.line, v.col, key+" has no value of its own", relock)
	}
}

// peek reports whether the current line has this key at this depth.
func (p *lockParser) peek(depth int, key string) bool {
	return p.depth() == depth && strings.HasPrefix(p.doc.lines[p.at-1][2*depth:], key+":")
}

func (p *lockParser) integer(depth int, key string) int64 {
	v := p.value(depth, key)
	if p.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != v.text {
		p.fail(v.line, v.col, fmt.Sprintf("%s: %s is no number of bytes", key, quote(v.text)), relock)
	}
	return n
}

func (p *lockParser) sum(v scalarAt) digest.SHA256 {
	if p.err != nil {
		return digest.SHA256{}
	}
	d, err := digest.Parse(v.text)
	if err != nil {
		p.fail(v.line, v.col, err.Error(), relock)
	}
	return d
}

func (p *lockParser) lock() *Lock {
	p.version()
	l := &Lock{Date: p.date(0)}
	p.section(0, "inputs")
	for p.depth() == 1 {
		k, v := p.entry(1)
		l.Inputs = append(l.Inputs, LockInput{Name: k.text, SHA256: p.sum(v)})
		p.ascending(k, len(l.Inputs), func(i int) string { return l.Inputs[i].Name })
	}
	p.section(0, "runtime")
	l.Runtime = RuntimePin{Language: p.value(1, "language").text, Version: p.value(1, "version").text}
	if p.peek(1, "date") {
		l.Runtime.Date = p.date(1)
	}
	l.Runtime.Source = p.source(1)
	p.section(0, "distributions")
	lines := map[string]scalarAt{}
	for p.depth() == 1 {
		k, pin := p.pin()
		l.Distributions = append(l.Distributions, pin)
		lines[pin.Name] = k
		p.ascending(k, len(l.Distributions), func(i int) string { return l.Distributions[i].Name })
	}
	p.closed(l, lines)
	return l
}

// version refuses the formats of newer programs before anything else is read.
func (p *lockParser) version() {
	v := p.value(0, "version")
	if p.err != nil {
		return
	}
	n, err := strconv.Atoi(v.text)
	switch {
	case err != nil || n < 1:
		p.fail(v.line, v.col, quote(v.text)+" is no version of the lock's format", relock)
	case n > LockVersion:
		p.fail(v.line, v.col, fmt.Sprintf("the lock has format version %d; this envbuild reads up to %d", n, LockVersion), "update envbuild; a newer one made this lock")
	}
}

func (p *lockParser) date(depth int) time.Time {
	v := p.value(depth, "date")
	t, err := time.Parse(time.RFC3339, v.text)
	if p.err == nil && (err != nil || formatDate(t) != v.text) {
		p.fail(v.line, v.col, quote(v.text)+" is no date such as 2024-01-31T12:00:00Z", relock)
	}
	return t
}

// source reads an archive's pin. Its path becomes a path in vendor/ and below
// mirrors, so it must not lead out of them.
func (p *lockParser) source(depth int) SourcePin {
	var s SourcePin
	path := p.value(depth, "path")
	s.Path = path.text
	if p.err == nil && (!fs.ValidPath(s.Path) || s.Path == "." || strings.ContainsFunc(s.Path, unsafeInPath)) {
		p.fail(path.line, path.col, quote(s.Path)+" is no clean relative path", relock)
	}
	if p.peek(depth, "url") {
		s.URL = p.value(depth, "url").text
	}
	s.SHA256 = p.sum(p.value(depth, "sha256"))
	s.Size = p.integer(depth, "size")
	return s
}

func unsafeInPath(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }

func (p *lockParser) pin() (scalarAt, Pin) {
	k, v := p.entry(1)
	if p.err == nil && (k.text == "" || v.text != "") {
		p.fail(v.line, v.col, "expected the name of a distribution and a colon", relock)
	}
	pin := Pin{Name: k.text, Version: p.value(2, "version").text, Source: p.source(2), CBytes: p.integer(2, "c_bytes")}
	if p.peek(2, "license") { // locks of before there was one have none
		pin.License = p.value(2, "license").text
	}
	p.section(2, "requires")
	for p.depth() == 3 {
		r := p.item(3)
		pin.Requires = append(pin.Requires, r.text)
		p.ascending(r, len(pin.Requires), func(i int) string { return pin.Requires[i] })
	}
	p.section(2, "provides")
	for p.depth() == 3 {
		name, version := p.entry(3)
		pin.Provides = append(pin.Provides, Module{Name: name.text, Version: version.text})
		p.ascending(name, len(pin.Provides), func(i int) string { return pin.Provides[i].Name })
	}
	return k, pin
}

// item reads a line "- word".
func (p *lockParser) item(depth int) scalarAt {
	rest, ok := strings.CutPrefix(p.doc.lines[p.at-1][2*depth:], "- ")
	if !ok {
		p.fail(p.at, 2*depth+1, `expected "- name"`, relock)
		return scalarAt{}
	}
	return p.last(rest, p.column(rest))
}

// ascending checks that the last of n names follows the one before it. Two sides
// of a merge can leave a name twice.
func (p *lockParser) ascending(k scalarAt, n int, name func(i int) string) {
	if p.err != nil || n < 2 {
		return
	}
	switch before := name(n - 2); strings.Compare(before, k.text) {
	case 0:
		p.fail(k.line, k.col, quote(k.text)+" stands here twice", relock)
	case 1:
		p.fail(k.line, k.col, fmt.Sprintf("%s is not sorted: it follows %s", quote(k.text), quote(before)), relock)
	}
}

// closed checks that every distribution's requirements are in the lock.
func (p *lockParser) closed(l *Lock, lines map[string]scalarAt) {
	for _, pin := range l.Distributions {
		i := slices.IndexFunc(pin.Requires, func(r string) bool { _, ok := lines[r]; return !ok || r == pin.Name })
		if i >= 0 {
			k := lines[pin.Name]
			message := fmt.Sprintf("%s requires %s, which the lock doesn't hold", pin.Name, pin.Requires[i])
			if pin.Requires[i] == pin.Name {
				message = pin.Name + " requires itself"
			}
			p.fail(k.line, k.col, message, relock)
		}
	}
}
