package pkgspec

import (
	"errors"
	"slices"
)

// Section reads a map of the spec that is held as it was written, for the language
// that knows its keys. It gathers what is wrong with it, each with its place; a
// method that reports an error returns the zero value.
type Section struct {
	d    *decoder
	node *Node
	at   string
	read []string // the keys that were asked for
}

// Section returns the map at a path of keys, "dependencies", "npm"; one that isn't
// there is empty.
func (s *Spec) Section(path ...string) *Section {
	out := &Section{d: &decoder{doc: s.doc}, node: &Node{}}
	if s.doc == nil {
		out.d.doc = newDocument(s.File, nil)
		return out
	}
	at, node := "", s.doc.root
	for _, key := range path {
		at = join(at, key)
		if node = node.Get(key); node == nil {
			out.at = at
			return out
		}
	}
	out.at, out.node = at, node
	if node.Kind != Map && node.Kind != Null {
		out.d.wrong(node, at, "a map", "")
	}
	return out
}

// Node returns the value of a key as it was written, or nil.
func (s *Section) Node(key string) *Node {
	s.read = append(s.read, key)
	return s.node.Get(key)
}

// Text reads a string of one line, or returns absent where the key isn't there.
func (s *Section) Text(key, absent string) string { return value(s, key, text(), absent) }

// File reads a clean path below the spec's directory.
func (s *Section) File(key, absent string) string { return value(s, key, text(checkInside), absent) }

// Texts reads a list of strings.
func (s *Section) Texts(key string) []string { return value(s, key, list(text()), nil) }

// Bool reads true or false.
func (s *Section) Bool(key string, absent bool) bool { return value(s, key, boolean(), absent) }

// Keys lists the map's keys in the order of the spec, and takes all of them for
// known: for maps whose keys are the person's own names.
func (s *Section) Keys() []string {
	var keys []string
	for _, f := range s.node.Fields {
		keys = append(keys, f.Key.Text)
	}
	s.read = append(s.read, keys...)
	return keys
}

// Map returns the section of a key, whose errors are this one's too.
func (s *Section) Map(key string) *Section {
	out := &Section{d: s.d, node: &Node{}, at: join(s.at, key)}
	if n := s.Node(key); n != nil {
		out.node = n
		if n.Kind != Map && n.Kind != Null {
			s.d.wrong(n, out.at, "a map", "")
		}
	}
	return out
}

// Fail reports what is wrong with the value of a key, or with the section where
// the key is empty or not there.
func (s *Section) Fail(key, message, hint string) {
	n, at := s.node, s.at
	if v := s.node.Get(key); v != nil {
		n, at = v, join(at, key)
	}
	s.d.fail(n, at, message, hint)
}

// Done reports the keys that nobody asked for.
func (s *Section) Done() {
	for _, f := range s.node.Fields {
		if !slices.Contains(s.read, f.Key.Text) {
			s.d.unknownKey(f.Key, s.at, s.read)
		}
	}
}

// Err returns all that was reported, as an Errors, or nil.
func (s *Section) Err() error {
	if len(s.d.errs) == 0 {
		return nil
	}
	return s.d.errs.sorted()
}

func value[T any](s *Section, key string, as shape[T], absent T) T {
	n := s.Node(key)
	if n == nil {
		return absent
	}
	v, ok := as.read(s.d, n, join(s.at, key))
	if !ok {
		var zero T
		return zero
	}
	return v
}

// add takes over what a language found.
func (d *decoder) add(err error) {
	var (
		all Errors
		one *Error
	)
	switch {
	case errors.As(err, &all):
		d.errs = append(d.errs, all...)
	case errors.As(err, &one):
		d.errs = append(d.errs, one)
	case err != nil:
		d.errs = append(d.errs, d.doc.errorAt(0, 0, err.Error(), ""))
	}
}
