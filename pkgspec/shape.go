package pkgspec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shape says once what a value of the format looks like: how it is read, what
// the JSON Schema says of it, and what stands for it where its key is absent.
// format.go composes the spec's shape of these.
type shape[T any] struct {
	schema schema
	// read returns false if it reported an error. at is the value's path, for
	// messages.
	read func(d *decoder, n *Node, at string) (T, bool)
	// absent is nil where an absent key leaves the zero value.
	absent func() T
}

// decoder gathers what is wrong with a document.
type decoder struct {
	doc  *document
	errs Errors
}

func (d *decoder) fail(n *Node, at, message, hint string) {
	if at != "" {
		message = at + ": " + message
	}
	d.errs = append(d.errs, d.doc.errorAt(n.Line, n.Col, message, hint))
}

func (d *decoder) wrong(n *Node, at, want, hint string) {
	d.fail(n, at, fmt.Sprintf("expected %s, got %s", want, n.describe()), hint)
}

// problem is what a check finds wrong with a value. The zero problem
// means that it found nothing.
type problem struct{ message, hint string }

// check judges a scalar's text.
type check func(s string) problem

// field is one key of a map that becomes a T.
type field[T any] struct {
	key      string
	required bool
	schema   schema
	read     func(d *decoder, n *Node, at string, into *T) bool
	absent   func(into *T)
}

// key declares a key, what it means, and how it is written: an example that is
// shown to whoever wrote something else.
func key[T, F any](name string, s shape[F], set func(*T, F), doc, example string) field[T] {
	f := field[T]{key: name, schema: s.schema}
	f.schema.Description = doc
	f.schema.example = example
	f.read = func(d *decoder, n *Node, at string, into *T) bool {
		before := len(d.errs)
		v, ok := s.read(d, n, at)
		for _, e := range d.errs[before:] {
			if e.hint == "" {
				e.hint = "write it like this: " + example
			}
		}
		if ok {
			set(into, v)
		}
		return ok
	}
	if s.absent != nil {
		f.absent = func(into *T) { set(into, s.absent()) }
	}
	return f
}

// must makes the key required.
func (f field[T]) must() field[T] {
	f.required = true
	return f
}

// or gives the value that an absent key stands for.
func or[T any](s shape[T], def T) shape[T] {
	s.absent = func() T { return def }
	s.schema.Default = def
	return s
}

// then adds a check of the whole value, after it was read.
func then[T any](s shape[T], judge func(d *decoder, n *Node, at string, v *T) bool) shape[T] {
	read := s.read
	s.read = func(d *decoder, n *Node, at string) (T, bool) {
		v, ok := read(d, n, at)
		return v, ok && judge(d, n, at, &v)
	}
	return s
}

// optional is nil where the key is absent.
func optional[T any](s shape[T]) shape[*T] {
	return shape[*T]{schema: s.schema, read: func(d *decoder, n *Node, at string) (*T, bool) {
		v, ok := s.read(d, n, at)
		return &v, ok
	}}
}

// others takes the keys of a map that no field names.
type others[T any] struct {
	schema schema
	read   func(d *decoder, f Field, at string, into *T) bool
}

// object is a map with known keys.
func object[T any](fields ...field[T]) shape[T] { return objectAnd(nil, fields...) }

// objectAnd is a map with known keys and, if rest isn't nil, further ones. A key
// without a value ("app:") is the empty map, as when all of it is commented out.
func objectAnd[T any](rest *others[T], fields ...field[T]) shape[T] {
	s := shape[T]{schema: objectSchema(rest, fields)}
	s.absent = func() T {
		var v T
		for _, f := range fields {
			if f.absent != nil {
				f.absent(&v)
			}
		}
		return v
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	s.read = func(d *decoder, n *Node, at string) (T, bool) {
		v, ok := s.absent(), true
		if n.Kind != Map && n.Kind != Null {
			d.wrong(n, at, "a map", "")
			return v, false
		}
		for _, entry := range n.Fields {
			i := slices.Index(names, entry.Key.Text)
			switch {
			case i >= 0:
				ok = fields[i].read(d, entry.Value, join(at, names[i]), &v) && ok
			case rest != nil:
				ok = rest.read(d, entry, at, &v) && ok
			default:
				d.unknownKey(entry.Key, at, names)
				ok = false
			}
		}
		for _, f := range fields {
			if f.required && n.field(f.key) == nil {
				d.fail(n, join(at, f.key), "is missing", "add it like this: "+f.schema.example)
				ok = false
			}
		}
		return v, ok
	}
	return s
}

func objectSchema[T any](rest *others[T], fields []field[T]) schema {
	s := schema{Type: "object", Properties: map[string]schema{}, AdditionalProperties: false}
	if rest != nil {
		s.AdditionalProperties = rest.schema
	}
	for _, f := range fields {
		s.Properties[f.key] = f.schema
		if f.required {
			s.Required = append(s.Required, f.key)
		}
	}
	return s
}

func (d *decoder) unknownKey(k *Node, at string, known []string) {
	where := ""
	if at != "" {
		where = " in " + at
	}
	d.fail(k, "", fmt.Sprintf("unknown key %s%s", quote(k.Text), where), unknownHint(k.Text, known))
}

// named is a map whose keys are the person's own names, in their order.
func named[T any](name check, item shape[T], set func(*T, string)) shape[[]T] {
	return shape[[]T]{
		schema: schema{Type: "object", AdditionalProperties: item.schema},
		read: func(d *decoder, n *Node, at string) ([]T, bool) {
			if n.Kind != Map && n.Kind != Null {
				d.wrong(n, at, "a map", "")
				return nil, false
			}
			var out []T
			ok := true
			for _, f := range n.Fields {
				if p := name(f.Key.Text); p.message != "" {
					d.fail(f.Key, at, p.message, p.hint)
					ok = false
					continue
				}
				v, good := item.read(d, f.Value, join(at, f.Key.Text))
				set(&v, f.Key.Text)
				out, ok = append(out, v), ok && good
			}
			return out, ok
		},
	}
}

// list is a list of items. For a single item the error says how to
// write a list.
func list[T any](item shape[T]) shape[[]T] {
	return shape[[]T]{
		schema: schema{Type: "array", Items: &item.schema},
		read: func(d *decoder, n *Node, at string) ([]T, bool) {
			switch n.Kind {
			case List, Null:
			case String:
				d.wrong(n, at, "a list", "write it as a list: ["+quote(n.Text)+"]")
				return nil, false
			default:
				d.wrong(n, at, "a list", "")
				return nil, false
			}
			var out []T
			ok := true
			for i, item1 := range n.Items {
				v, good := item.read(d, item1, fmt.Sprintf("%s[%d]", at, i))
				out, ok = append(out, v), ok && good
			}
			return out, ok
		},
	}
}

// scalar is text that passes the check, from the kinds of nodes that may hold it.
func scalar(judge check, kinds ...Kind) shape[string] {
	s := shape[string]{schema: schema{Type: jsonTypes(kinds)}}
	s.read = func(d *decoder, n *Node, at string) (string, bool) {
		if !slices.Contains(kinds, n.Kind) {
			hint := ""
			if n.Kind == Number || n.Kind == Bool {
				hint = "put it in quotes: " + strconv.Quote(n.Text)
			}
			d.wrong(n, at, "a string", hint)
			return "", false
		}
		if p := judge(n.Text); p.message != "" {
			d.fail(n, at, p.message, p.hint)
			return "", false
		}
		return n.Text, true
	}
	return s
}

// text is a string on one line, not empty.
func text(checks ...check) shape[string] { return scalar(line(checks), String) }

// word is the same, but may look like a number and is kept as written: 1.10.
func word(checks ...check) shape[string] { return scalar(line(checks), String, Number) }

func line(checks []check) check {
	return func(s string) problem {
		if strings.TrimSpace(s) == "" {
			return problem{message: "is empty"}
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return problem{message: quote(s) + " contains a line break or another control character"}
		}
		for _, c := range checks {
			if p := c(s); p.message != "" {
				return p
			}
		}
		return problem{}
	}
}

// enum is one of some words.
func enum[T ~string](values ...T) shape[T] {
	known := make([]string, len(values))
	for i, v := range values {
		known[i] = string(v)
	}
	want := alternatives(known)
	return shape[T]{
		schema: schema{Enum: known},
		read: func(d *decoder, n *Node, at string) (T, bool) {
			if n.Kind == List || n.Kind == Map || n.Kind == Null {
				d.wrong(n, at, want, "")
				return "", false
			}
			if !slices.Contains(known, n.Text) {
				hint := ""
				if near := nearest(n.Text, known); near != "" {
					hint = fmt.Sprintf("did you mean %q?", near)
				}
				d.fail(n, at, fmt.Sprintf("expected %s, got %s", want, quote(n.Text)), hint)
				return "", false
			}
			return T(n.Text), true
		},
	}
}

// alternatives lists words as a sentence has them: "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// integer is a decimal number between two bounds.
func integer(least, most int) shape[int] {
	return shape[int]{
		schema: schema{Type: "integer", Minimum: &least, Maximum: &most},
		read: func(d *decoder, n *Node, at string) (int, bool) {
			if n.Kind != Number {
				d.wrong(n, at, "a whole number", "")
				return 0, false
			}
			i, err := strconv.Atoi(n.Text)
			if err != nil || i < least || i > most {
				d.fail(n, at, fmt.Sprintf("expected a whole number from %d to %d, got %s", least, most, n.Text), "")
				return 0, false
			}
			return i, true
		},
	}
}

// boolean is true or false.
func boolean() shape[bool] {
	return shape[bool]{
		schema: schema{Type: "boolean"},
		read: func(d *decoder, n *Node, at string) (bool, bool) {
			if n.Kind != Bool {
				d.wrong(n, at, "true or false", "")
				return false, false
			}
			return strings.EqualFold(n.Text, "true"), true
		},
	}
}

// raw is held as it was written.
func raw(doc string) shape[*Node] {
	return shape[*Node]{
		schema: schema{Description: doc},
		read:   func(_ *decoder, n *Node, _ string) (*Node, bool) { return n, true },
	}
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}
