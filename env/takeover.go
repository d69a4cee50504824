package env

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/envbuild/envbuild/pkgspec"
)

// Found is an assignment in a hand-written shell file.
type Found struct {
	Name string
	Line int // from 1
	// Value is what is assigned, if Static; otherwise only running the file tells.
	Value  pkgspec.Value
	Static bool
}

// scanShell finds the variables that a shell file sets on lines of their own,
// in order: [export] NAME=word …. It reads plain text, quotes, $NAME, ${NAME} and
// ${NAME:+:$NAME}, and puts the values of variables that aren't exported in the
// place of references to them. It never fails: what it doesn't understand isn't
// Static or isn't found.
func scanShell(data []byte) []Found {
	var all []Found
	exported := map[string]bool{pkgspec.ProjectBase: true}
	s := shellScanner{src: data}
	for s.pos < len(s.src) {
		s.skipBlank()
		line := s.line()
		words, simple := s.command()
		if len(words) > 0 && words[0].plain() == "export" {
			words = words[1:]
			for _, w := range words {
				exported[w.name()] = true
			}
		}
		if slices.ContainsFunc(words, func(w word) bool { return simple && !w.assigns() }) {
			continue
		}
		for _, w := range words {
			if w.assigns() {
				w.static = w.static && simple
				all = append(all, w.found(line))
			}
		}
	}
	return inline(all, exported)
}

// maxParts bounds a value that refers twice to one that refers twice to another
// and so on: it would double with every line.
const maxParts = 1000

// inline replaces references to shell variables by their values and leaves
// those variables out.
func inline(all []Found, exported map[string]bool) []Found {
	local := map[string]Found{}
	var found []Found
	for _, f := range all {
		var value pkgspec.Value
		for _, p := range f.Value {
			if l, ok := local[p.Ref]; ok {
				f.Static = f.Static && l.Static
				value = join(value, l.Value...)
			} else {
				value = join(value, p)
			}
		}
		if len(value) > maxParts || checkValue(f.Name, value.String()) != nil {
			value, f.Static = nil, false
		}
		f.Value = value
		if exported[f.Name] {
			found = append(found, f)
		} else {
			local[f.Name] = f
		}
	}
	return found
}

// join appends parts to v, adjacent literals as one.
func join(v pkgspec.Value, parts ...pkgspec.Part) pkgspec.Value {
	for _, p := range parts {
		last := len(v) - 1
		switch {
		case p == pkgspec.Part{}:
		case p.Ref == "" && last >= 0 && v[last].Ref == "":
			v[last].Literal += p.Literal
		default:
			v = append(v, p)
		}
	}
	return v
}

// word is one word of a command.
type word struct {
	value  pkgspec.Value
	static bool
	// text is the literal that is being read, not yet in value.
	text []byte
}

func (w *word) literal(text ...byte) { w.text = append(w.text, text...) }

func (w *word) reference(name string) {
	w.end()
	w.value = join(w.value, pkgspec.Part{Ref: name})
}

// end puts what was read into value.
func (w *word) end() {
	w.value = join(w.value, pkgspec.Part{Literal: string(w.text)})
	w.text = w.text[:0]
}

// plain returns the word's text if it refers to nothing.
func (w word) plain() string {
	if !w.static || len(w.value) != 1 {
		return ""
	}
	return w.value[0].Literal
}

// name returns the variable that the word assigns, or the word itself.
func (w word) name() string {
	if len(w.value) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(w.value[0].Literal, "=")
	return name
}

func (w word) assigns() bool {
	return isName(w.name()) && strings.HasPrefix(w.value[0].Literal, w.name()+"=")
}

func (w word) found(line int) Found {
	first := pkgspec.Part{Literal: strings.TrimPrefix(w.value[0].Literal, w.name()+"=")}
	value := join(join(nil, first), w.value[1:]...)
	return Found{Name: w.name(), Line: line, Value: value, Static: w.static}
}

// shellScanner splits a shell file into words, as far as takeOver needs it.
type shellScanner struct {
	src   []byte
	pos   int
	lines lineCounter
}

func (s *shellScanner) line() int { return s.lines.at(s.src, s.pos) }

// skipBlank goes to the next command.
func (s *shellScanner) skipBlank() {
	for s.pos < len(s.src) && strings.IndexByte(" \t\r\n;", s.src[s.pos]) >= 0 {
		s.pos++
	}
}

// command reads words up to the end of the line or a semicolon. simple says that
// there is no operator of the shell between them.
func (s *shellScanner) command() (words []word, simple bool) {
	simple = true
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '\n' || c == ';':
			return words, simple
		case c == '#':
			s.skipLine()
		case c == ' ' || c == '\t' || c == '\r':
			s.pos++
		case strings.IndexByte("|&<>()", c) >= 0:
			simple = false
			s.pos++
		default:
			words = append(words, s.word())
		}
	}
	return words, simple
}

func (s *shellScanner) skipLine() {
	for s.pos < len(s.src) && s.src[s.pos] != '\n' {
		s.pos++
	}
}

func (s *shellScanner) word() word {
	w := word{static: true}
	for s.pos < len(s.src) && strings.IndexByte(" \t\r\n;|&<>()", s.src[s.pos]) < 0 {
		switch c := s.src[s.pos]; c {
		case '\'':
			s.pos++
			w.literal(s.upTo('\'')...)
		case '"':
			s.pos++
			s.doubleQuoted(&w)
		case '$':
			s.dollar(&w)
		case '\\':
			s.pos++
			s.escaped(&w, "")
		default:
			// A tilde, a glob or a command is for the shell to expand.
			w.static = w.static && strings.IndexByte("`~*?[", c) < 0
			s.run(&w, " \t\r\n;|&<>()'\"$\\`~*?[")
		}
	}
	w.end()
	return w
}

func (s *shellScanner) doubleQuoted(w *word) {
	for s.pos < len(s.src) && s.src[s.pos] != '"' {
		switch s.src[s.pos] {
		case '$':
			s.dollar(w)
		case '\\':
			s.pos++
			s.escaped(w, "\"\\$`")
		case '`':
			w.static = false
			s.pos++
		default:
			s.run(w, "\"$\\`")
		}
	}
	if s.pos == len(s.src) {
		w.static = false
		return
	}
	s.pos++
}

// escaped reads what follows a backslash, which stays unless it stands before a
// byte of set; an empty set is every byte. Before a line feed both go.
func (s *shellScanner) escaped(w *word, set string) {
	if s.pos == len(s.src) {
		w.static = false
		return
	}
	if s.src[s.pos] == '\n' {
		s.pos++
		return
	}
	if set != "" && strings.IndexByte(set, s.src[s.pos]) < 0 {
		w.literal('\\')
	}
	w.literal(s.src[s.pos])
	s.pos++
}

// run reads a byte and what follows up to one of stop.
func (s *shellScanner) run(w *word, stop string) {
	start := s.pos
	s.pos++
	if n := bytes.IndexAny(s.src[s.pos:], stop); n >= 0 {
		s.pos += n
	} else {
		s.pos = len(s.src)
	}
	w.literal(s.src[start:s.pos]...)
}

// dollar reads an expansion.
func (s *shellScanner) dollar(w *word) {
	s.pos++
	if s.pos < len(s.src) && s.src[s.pos] == '{' {
		s.pos++
		name := s.nameAt()
		rest := string(s.upTo('}'))
		switch rest {
		case "", "-", ":-":
			w.reference(name)
		case ":+:$" + name, "+:$" + name, ":+:${" + name:
			if strings.HasSuffix(rest, "{"+name) && s.pos < len(s.src) && s.src[s.pos] == '}' {
				s.pos++
			}
			w.literal(':')
			w.reference(name)
		default:
			w.static = false
		}
		w.static = w.static && name != ""
		return
	}
	if name := s.nameAt(); name != "" {
		w.reference(name)
		return
	}
	w.static = false
}

func (s *shellScanner) nameAt() string {
	start := s.pos
	for s.pos < len(s.src) && isNameByte(s.src[s.pos]) && (s.pos > start || !isDigit(s.src[s.pos])) {
		s.pos++
	}
	return string(s.src[start:s.pos])
}

// upTo reads to the byte end and goes behind it.
func (s *shellScanner) upTo(end byte) []byte {
	text, _, found := bytes.Cut(s.src[s.pos:], []byte{end})
	s.pos += len(text)
	if found {
		s.pos++
	}
	return text
}

// takeOver turns assignments into lines below env: in the spec, and returns
// those that it can't.
func takeOver(found []Found) (lines []string, unread []Found) {
	count := map[string]int{}
	for _, f := range found {
		count[f.Name]++
	}
	for _, f := range found {
		if f.Name == pkgspec.ProjectBase {
			continue
		}
		if !f.Static || count[f.Name] > 1 || checkName(f.Name) != nil || !utf8.ValidString(f.Value.String()) {
			unread = append(unread, f)
			continue
		}
		entries, isPath := searchPath(f)
		if !isPath {
			lines = append(lines, f.Name+": "+strconv.Quote(f.Value.String()))
			continue
		}
		for i, entry := range entries {
			entries[i] = strconv.Quote(entry)
		}
		lines = append(lines, f.Name+": ["+strings.Join(entries, ", ")+"]")
	}
	return lines, unread
}

// searchPath returns the entries of a value that ends in a reference to its own
// variable behind a colon.
func searchPath(f Found) ([]string, bool) {
	n := len(f.Value) - 1
	if n < 1 || f.Value[n].Ref != f.Name || !strings.HasSuffix(f.Value[n-1].Literal, ":") {
		return nil, false
	}
	entries := strings.Split(strings.TrimSuffix(f.Value[:n].String(), ":"), ":")
	return entries, !slices.Contains(entries, "")
}
