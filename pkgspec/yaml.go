package pkgspec

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxSpecBytes is far beyond any spec; what is larger is another file.
const maxSpecBytes = 1 << 20

// readYAML reads the one document of a YAML file into nodes. The language it
// accepts is YAML without the parts that make a file mean something else than it
// says: anchors, aliases, merge keys, tags, further documents.
//
// The parser is yaml/v3: goccy/go-yaml 1.19 reads the list in
// {needs: [Devel::CheckLib]} as a map (its issue 832) and takes time quadratic in
// the size of the file.
func readYAML(file string, data []byte) (*document, Errors) {
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	d := newDocument(file, data)
	if len(data) > maxSpecBytes {
		return d, Errors{d.errorAt(0, 0, fmt.Sprintf("the file has %d bytes; a spec can have at most %d", len(data), maxSpecBytes), "")}
	}
	for i, line := range d.lines {
		if !utf8.ValidString(line) {
			return d, Errors{d.errorAt(i+1, 1, "the line is not UTF-8", "save the file in UTF-8")}
		}
	}
	if err := d.conflict("choose between the two sides and delete the marker lines"); err != nil {
		return d, Errors{err}
	}
	r := &reader{doc: d}
	d.root = r.file(strings.Join(d.lines, "\n"))
	return d, r.errs.sorted()
}

// reader turns the parser's tree into nodes and gathers what is wrong with it.
type reader struct {
	doc  *document
	errs Errors
}

func (r *reader) fail(line, col int, message, hint string) {
	r.errs = append(r.errs, r.doc.errorAt(line, col, message, hint))
}

func (r *reader) file(text string) *Node {
	empty := &Node{Line: 1, Col: 1}
	var first, second yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&first); errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0 {
		return empty
	} else if err != nil {
		r.errs = append(r.errs, r.doc.syntaxError(text, err))
		return empty
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		r.fail(second.Line, second.Column, "a second document begins here", "delete the line with --- and what follows it")
	case !errors.Is(err, io.EOF):
		r.errs = append(r.errs, r.doc.syntaxError(text, err))
	}
	return r.node(first.Content[0], &first)
}

// node converts n. An absent value has no place of its own: it stands where
// parent does.
func (r *reader) node(n, parent *yaml.Node) *Node {
	out := &Node{Line: n.Line, Col: n.Column}
	if n.Line == 0 {
		out.Line, out.Col = parent.Line, parent.Column
	}
	r.refuse(n)
	switch n.Kind {
	case yaml.ScalarNode:
		out.Kind, out.Text = scalarKind(n), n.Value
		if out.Kind == Null {
			out.Text = ""
		}
		if strings.ContainsRune(out.Text, 0) {
			r.fail(out.Line, out.Col, "the value contains a NUL character", "")
		}
	case yaml.SequenceNode:
		out.Kind = List
		for _, item := range n.Content {
			out.Items = append(out.Items, r.node(item, n))
		}
	case yaml.MappingNode:
		out.Kind = Map
		for i := 0; i+1 < len(n.Content); i += 2 {
			r.field(out, n.Content[i], n.Content[i+1])
		}
	}
	return out
}

// scalarKind says what an unquoted scalar looks like by YAML 1.2. Dates are
// strings: no key of a spec holds one.
func scalarKind(n *yaml.Node) Kind {
	switch n.ShortTag() {
	case "!!null":
		return Null
	case "!!bool":
		return Bool
	case "!!int", "!!float":
		return Number
	default:
		return String
	}
}

func (r *reader) field(into *Node, key, value *yaml.Node) {
	k := r.node(key, value)
	v := r.node(value, key)
	if k.Kind == Null || k.Kind == List || k.Kind == Map {
		r.fail(k.Line, k.Col, "a key must be a word", "")
		return
	}
	if first := into.field(k.Text); first != nil {
		r.fail(k.Line, k.Col, fmt.Sprintf("the key %s is already given on line %d", quote(k.Text), first.Key.Line), "")
		return
	}
	into.Fields = append(into.Fields, Field{Key: k, Value: v})
}

// refuse reports YAML that a spec doesn't use.
func (r *reader) refuse(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(n.Line, n.Column, "aliases are not supported in a spec", `a value that begins with * must be in quotes: "*.psgi"`)
	case n.Anchor != "":
		r.fail(n.Line, n.Column, "anchors are not supported in a spec", "write the value out where it is needed; one that begins with & must be in quotes")
	case n.ShortTag() == "!!merge":
		r.fail(n.Line, n.Column, "merge keys are not supported in a spec", "write the keys out")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n.Line, n.Column, "tags are not supported in a spec", "a value that begins with ! must be in quotes")
	}
}
