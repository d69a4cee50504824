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

// IsCurrentLock reports whether a lock that can be read is in the format that
// Encode writes.
func IsCurrentLock(data []byte) bool {
	p := &lockParser{doc: newDocument("", data)}
	p.advance()
	return p.version() == LockVersion
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
		p.fail(p.at, spaces+1, "the line is indented with an odd number of spaces", relock)
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
		p.fail(p.at, 1, fmt.Sprintf("expected a line indented with %d spaces", 2*depth), relock)
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
		p.fail(p.at, p.column(rest), "expected nothing after the value", relock)
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
			p.fail(p.at, col, "the quotes are not closed, or contain an unknown escape", relock)
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
		p.fail(k.line, k.col, fmt.Sprintf("expected the key %s, got %s", key, quote(k.text)), relock)
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
		p.fail(v.line, v.col, fmt.Sprintf("%s: %s is not a number of bytes", key, quote(v.text)), relock)
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
	if p.version() == 1 {
		return p.version1()
	}
	l := &Lock{Date: p.date(0)}
	root := p.value(0, "root")
	if l.Root = root.text; p.err == nil && l.Root != RootMachine {
		p.fail(root.line, root.col, quote(l.Root)+" is not a root that this envbuild knows", "update envbuild; a newer one made this lock")
	}
	l.Targets = p.targets(0, nil)
	l.Inputs = p.inputs()
	p.section(0, "languages")
	for p.depth() == 1 {
		k := p.heading(1, "a language")
		l.Languages = append(l.Languages, p.language(k.text, l.Targets))
		p.checkAscending(k, len(l.Languages), func(i int) string { return l.Languages[i].Language })
	}
	return l
}

func (p *lockParser) inputs() []LockInput {
	var inputs []LockInput
	p.section(0, "inputs")
	for p.depth() == 1 {
		k, v := p.entry(1)
		inputs = append(inputs, LockInput{Name: k.text, SHA256: p.sum(v)})
		p.checkAscending(k, len(inputs), func(i int) string { return inputs[i].Name })
	}
	return inputs
}

// language reads what is pinned for a language of a lock for these targets.
func (p *lockParser) language(name string, targets []Target) LanguageLock {
	ll := LanguageLock{Language: name}
	p.section(2, "runtime")
	ll.Runtime.Version = p.value(3, "version").text
	if p.peek(3, "date") {
		ll.Runtime.Date = p.date(3)
	}
	ll.Runtime.Sources = p.sources(3, targets)
	p.section(2, "distributions")
	lines := map[string]scalarAt{}
	for p.depth() == 3 {
		k := p.heading(3, "a distribution")
		pin := p.pin(k.text, targets)
		ll.Distributions = append(ll.Distributions, pin)
		lines[pin.ID] = k
		p.checkAscending(k, len(ll.Distributions), func(i int) string { return ll.Distributions[i].ID })
	}
	p.checkClosed(ll.Distributions, lines)
	return ll
}

func (p *lockParser) pin(id string, targets []Target) Pin {
	pin := Pin{ID: id, Name: id}
	if p.peek(4, "name") {
		name := p.value(4, "name")
		if pin.Name = name.text; p.err == nil && pin.Name == "" {
			p.fail(name.line, name.col, "the name is empty", relock)
		}
	}
	pin.Version = p.value(4, "version").text
	pin.Targets = p.targets(4, targets)
	pin.Places = p.list(4, "places", p.path)
	if len(pin.Targets) > 0 {
		targets = pin.Targets
	}
	pin.Sources = p.sources(4, targets)
	if p.peek(4, "c_bytes") {
		pin.CBytes = p.integer(4, "c_bytes")
	}
	if p.peek(4, "license") {
		pin.License = p.value(4, "license").text
	}
	pin.Requires = p.list(4, "requires", nil)
	if p.peek(4, "provides") {
		p.section(4, "provides")
		pin.Provides = p.modules(5)
	}
	return pin
}

// modules reads entries of names and versions.
func (p *lockParser) modules(depth int) []Module {
	var modules []Module
	for p.depth() == depth {
		name, version := p.entry(depth)
		modules = append(modules, Module{Name: name.text, Version: version.text})
		p.checkAscending(name, len(modules), func(i int) string { return modules[i].Name })
	}
	return modules
}

// sources reads archives, which are for some of the targets.
func (p *lockParser) sources(depth int, targets []Target) []SourcePin {
	if !p.peek(depth, "files") {
		return nil
	}
	var sources []SourcePin
	p.section(depth, "files")
	for p.depth() == depth+1 {
		k := p.heading(depth+1, "a file")
		p.path(k)
		s := SourcePin{Path: k.text}
		if p.peek(depth+2, "url") {
			s.URL = p.value(depth+2, "url").text
		}
		s.SHA256 = p.sum(p.value(depth+2, "sha256"))
		s.Size = p.integer(depth+2, "size")
		s.Targets = p.targets(depth+2, targets)
		sources = append(sources, s)
		p.checkAscending(k, len(sources), func(i int) string { return sources[i].Path })
	}
	return sources
}

// targets reads a list of targets, each of which is one of those that there are;
// nil if there is no such list. At the top of a lock it says which there are.
func (p *lockParser) targets(depth int, known []Target) []Target {
	var targets []Target
	p.list(depth, "targets", func(v scalarAt) {
		t, err := ParseTarget(v.text)
		switch {
		case p.err != nil:
		case err != nil:
			p.fail(v.line, v.col, err.Error(), relock)
		case depth > 0 && !slices.Contains(known, t):
			p.fail(v.line, v.col, quote(v.text)+" is not among the targets here", relock)
		}
		targets = append(targets, t)
	})
	return targets
}

// list reads a list of words, sorted and not empty; nil if the key isn't there. each
// judges a word, unless it is nil.
func (p *lockParser) list(depth int, key string, each func(scalarAt)) []string {
	if !p.peek(depth, key) {
		return nil
	}
	p.section(depth, key)
	return p.items(depth+1, each)
}

func (p *lockParser) items(depth int, each func(scalarAt)) []string {
	var words []string
	for p.depth() == depth {
		r := p.item(depth)
		words = append(words, r.text)
		p.checkAscending(r, len(words), func(i int) string { return words[i] })
		if each != nil {
			each(r)
		}
	}
	return words
}

// heading reads the key of a map.
func (p *lockParser) heading(depth int, what string) scalarAt {
	k, v := p.entry(depth)
	if p.err == nil && (k.text == "" || v.text != "") {
		p.fail(v.line, v.col, "expected the name of "+what+" and a colon", relock)
	}
	return k
}

// version refuses the formats of newer programs before anything else is read.
func (p *lockParser) version() int {
	v := p.value(0, "version")
	if p.err != nil {
		return 0
	}
	n, err := strconv.Atoi(v.text)
	switch {
	case err != nil || n < 1:
		p.fail(v.line, v.col, quote(v.text)+" is not a version of the lock's format", relock)
	case n > LockVersion:
		p.fail(v.line, v.col, fmt.Sprintf("the lock has format version %d; this envbuild reads up to %d", n, LockVersion), "update envbuild; a newer one made this lock")
	}
	return n
}

func (p *lockParser) date(depth int) time.Time {
	v := p.value(depth, "date")
	t, err := time.Parse(time.RFC3339, v.text)
	if p.err == nil && (err != nil || formatDate(t) != v.text) {
		p.fail(v.line, v.col, quote(v.text)+" is not a date such as 2024-01-31T12:00:00Z", relock)
	}
	return t
}

// path checks the path of an archive or a place. It becomes a path in vendor/, below
// mirrors or in a view, so it must not lead out of them.
func (p *lockParser) path(v scalarAt) {
	if p.err == nil && (!fs.ValidPath(v.text) || v.text == "." || strings.ContainsFunc(v.text, unsafeInPath)) {
		p.fail(v.line, v.col, quote(v.text)+" is not a clean relative path", relock)
	}
}

func unsafeInPath(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }

// item reads a line "- word".
func (p *lockParser) item(depth int) scalarAt {
	rest, ok := strings.CutPrefix(p.doc.lines[p.at-1][2*depth:], "- ")
	if !ok {
		p.fail(p.at, 2*depth+1, `expected "- name"`, relock)
		return scalarAt{}
	}
	return p.last(rest, p.column(rest))
}

// checkAscending checks that the last of n names follows the one before it. Two sides
// of a merge can leave a name twice.
func (p *lockParser) checkAscending(k scalarAt, n int, name func(i int) string) {
	if p.err != nil || n < 2 {
		return
	}
	switch before := name(n - 2); strings.Compare(before, k.text) {
	case 0:
		p.fail(k.line, k.col, quote(k.text)+" is listed twice", relock)
	case 1:
		p.fail(k.line, k.col, fmt.Sprintf("%s is not sorted: it follows %s", quote(k.text), quote(before)), relock)
	}
}

// checkClosed checks that every distribution's requirements are in the lock.
func (p *lockParser) checkClosed(pins []Pin, lines map[string]scalarAt) {
	for _, pin := range pins {
		i := slices.IndexFunc(pin.Requires, func(r string) bool { _, ok := lines[r]; return !ok || r == pin.ID })
		if i >= 0 {
			k := lines[pin.ID]
			message := fmt.Sprintf("%s requires %s, which the lock doesn't hold", pin.ID, pin.Requires[i])
			if pin.Requires[i] == pin.ID {
				message = pin.ID + " requires itself"
			}
			p.fail(k.line, k.col, message, relock)
		}
	}
}
