// Package deb822 reads Debian's files of fields, deb822(5): control files, indexes,
// dpkg's status, apt's sources.
package deb822

import (
	"fmt"
	"iter"
	"strings"
)

// Field is one of a paragraph. The value has no leading space; lines that continue
// it keep theirs.
type Field struct{ Name, Value string }

// Paragraph is the fields that stand together, in their order.
type Paragraph []Field

// Value returns the value of the first field of that name, or "". Names are
// compared without regard to case.
func (p Paragraph) Value(name string) string {
	for _, f := range p {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// SyntaxError says that a line is not a field and does not continue one.
type SyntaxError struct{ Line string }

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %q is not a field", e.Line) }

// Paragraphs reads all paragraphs of a text. Comments are left out, and so are
// lines that don't belong there: the first of a paragraph comes as a *SyntaxError
// with the fields around it. Values are parts of the text, which isn't copied
// unless a value holds a comment or spaces at the end of a line.
func Paragraphs(text string) iter.Seq2[Paragraph, error] {
	return func(yield func(Paragraph, error) bool) {
		p := parser{text: text}
		for at := 0; at < len(text); {
			next := len(text)
			if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
				next = at + i + 1
			}
			more := p.line(at, next)
			at = next
			if !more && !p.isEmpty() && !yield(p.take()) {
				return
			}
		}
		if !p.isEmpty() {
			yield(p.take())
		}
	}
}

// parser collects a paragraph.
type parser struct {
	text   string
	fields Paragraph
	err    error
	// start and end are where the last field's value stands in the text.
	start, end int
	// joined is that value, once it isn't one piece of the text.
	joined []byte
	most   int // the number of fields that a paragraph had
}

func (p *parser) isEmpty() bool { return len(p.fields) == 0 && p.err == nil }

func (p *parser) take() (Paragraph, error) {
	p.endField()
	fields, err := p.fields, p.err
	p.fields, p.err, p.most = nil, nil, max(p.most, len(fields))
	return fields, err
}

// line takes in the text from one place to another. It returns false for the
// empty line that ends a paragraph.
func (p *parser) line(from, to int) bool {
	line := strings.TrimRight(p.text[from:to], " \t\r\n")
	switch {
	case line == "":
		return false
	case line[0] == '#':
	case line[0] == ' ' || line[0] == '\t':
		p.continues(from, line)
	default:
		p.field(from, line)
	}
	return true
}

func (p *parser) field(from int, line string) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		p.fail(line)
		return
	}
	p.endField()
	if p.fields == nil {
		p.fields = make(Paragraph, 0, p.most)
	}
	value = strings.TrimLeft(value, " \t")
	p.end = from + len(line)
	p.start = p.end - len(value)
	p.fields = append(p.fields, Field{Name: name, Value: value})
}

// continues adds a line to the last field's value.
func (p *parser) continues(from int, line string) {
	switch {
	case len(p.fields) == 0:
		p.fail(line)
	case p.joined == nil && from == p.end+1:
		p.end = from + len(line)
	default:
		if p.joined == nil {
			p.joined = []byte(p.text[p.start:p.end])
		}
		p.joined = append(append(p.joined, '\n'), line...)
	}
}

// endField gives the last field the lines that continue it.
func (p *parser) endField() {
	if len(p.fields) == 0 {
		return
	}
	last := &p.fields[len(p.fields)-1]
	last.Value = p.text[p.start:p.end]
	if p.joined != nil {
		last.Value, p.joined = string(p.joined), nil
	}
}

func (p *parser) fail(line string) {
	if p.err == nil {
		p.err = &SyntaxError{line}
	}
}
