package pkgspec

import (
	"strconv"
	"strings"
)

// Kind is what a Node holds.
type Kind int

// The kinds of nodes.
const (
	// Null is an absent value: "key:".
	Null Kind = iota
	// String is text, in quotes or not.
	String
	// Number is an unquoted number.
	Number
	// Bool is an unquoted true or false.
	Bool
	// List is a sequence.
	List
	// Map is a mapping.
	Map
)

// Node is a YAML value as it was written and where: what a section is held as
// until someone decodes it.
type Node struct {
	// Line and Col count from 1; Col counts characters.
	Line, Col int
	Kind      Kind
	// Text is the value of a String, and a Number or Bool as it was written, so
	// that 1.10 doesn't become 1.1.
	Text string
	// Items are a List's elements.
	Items []*Node
	// Fields are a Map's entries, as written; no two have one key.
	Fields []Field
}

// Field is one entry of a map. The key is a scalar.
type Field struct{ Key, Value *Node }

// Get returns the value of a key, or nil if n isn't a Map or has no such key.
func (n *Node) Get(key string) *Node {
	if f := n.field(key); f != nil {
		return f.Value
	}
	return nil
}

func (n *Node) field(key string) *Field {
	for i := range n.Fields {
		if n.Fields[i].Key.Text == key {
			return &n.Fields[i]
		}
	}
	return nil
}

// YAML writes n in one line that means the same to any YAML decoder. Numbers
// stand as they were written: what 0644 means is the decoder's business.
func (n *Node) YAML() []byte {
	var b strings.Builder
	n.write(&b)
	b.WriteByte('\n')
	return []byte(b.String())
}

func (n *Node) write(b *strings.Builder) {
	switch n.Kind {
	case Null:
		b.WriteString("null")
	case String:
		b.WriteString(strconv.Quote(n.Text)) // Go's escapes are a subset of YAML's
	case Number, Bool:
		b.WriteString(n.Text)
	case List:
		b.WriteByte('[')
		for i, item := range n.Items {
			separate(b, i)
			item.write(b)
		}
		b.WriteByte(']')
	case Map:
		b.WriteByte('{')
		for i, f := range n.Fields {
			separate(b, i)
			b.WriteString(strconv.Quote(f.Key.Text))
			b.WriteString(": ")
			f.Value.write(b)
		}
		b.WriteByte('}')
	}
}

func separate(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}

// describe says what n is, for people.
func (n *Node) describe() string {
	switch n.Kind {
	case Null:
		return "nothing"
	case String:
		return "the string " + quote(n.Text)
	case Number:
		return "the number " + n.Text
	case Bool:
		return "the boolean " + n.Text
	case List:
		return "a list"
	default:
		return "a map"
	}
}

// quote shortens what a message doesn't need in full.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
