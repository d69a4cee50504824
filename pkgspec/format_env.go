package pkgspec

import (
	"fmt"
	"strings"
)

// anyScalar are the kinds of values that the environment takes as written.
var anyScalar = [...]Kind{String, Number, Bool}

func setEnvName(v *EnvVar, name string) { v.Name = name }

// valueShape is a string in which ${NAME} is a reference and $$ a dollar.
func valueShape() shape[Value] {
	s := scalar(func(s string) problem { _, p := parseValue(s); return p }, anyScalar[:]...)
	return shape[Value]{schema: s.schema, read: func(d *decoder, n *Node, at string) (Value, bool) {
		raw, ok := s.read(d, n, at)
		if !ok {
			return nil, false
		}
		v, _ := parseValue(raw)
		return v, true
	}}
}

// envVarShape is a value, or a list of them: a search path.
func envVarShape() shape[EnvVar] {
	one := valueShape()
	path := list(then(one, judgeElement))
	return shape[EnvVar]{
		schema: schema{OneOf: []schema{one.schema, path.schema}},
		read: func(d *decoder, n *Node, at string) (EnvVar, bool) {
			switch n.Kind {
			case List:
				vs, ok := path.read(d, n, at)
				return EnvVar{List: true, Values: vs}, ok
			case Null:
				d.wrong(n, at, "a value", `write the empty string as ""`)
				return EnvVar{}, false
			default:
				v, ok := one.read(d, n, at)
				return EnvVar{Values: []Value{v}}, ok
			}
		},
	}
}

// judgeElement checks an element of a search path. The empty one would mean the
// current directory, and a colon two elements.
func judgeElement(d *decoder, n *Node, at string, v *Value) bool {
	if len(*v) == 0 {
		d.fail(n, at, "an element of a search path is empty", "delete it, or write . for the current directory")
		return false
	}
	for _, p := range *v {
		if strings.Contains(p.Literal, ":") {
			d.fail(n, at, fmt.Sprintf("an element of a search path contains a colon: %s", quote(v.String())), "write each directory as a separate element")
			return false
		}
	}
	return true
}

// literalShape is a value without references.
func literalShape() shape[Literal] {
	value := valueShape()
	return shape[Literal]{schema: value.schema, read: func(d *decoder, n *Node, at string) (Literal, bool) {
		v, ok := value.read(d, n, at)
		if ok && !v.IsLiteral() {
			d.fail(n, at, "a build has no variables to refer to", "write $$ for a dollar")
			return Literal{}, false
		}
		return Literal{Value: v.Expand(nil)}, ok
	}}
}

// parseValue reads ${NAME} and $$. Any other use of a dollar is an error, because
// what the writer of "pa$word" or "${X:-y}" expects is not what it would give.
func parseValue(s string) (Value, problem) {
	var v Value
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			v = append(v, Part{Literal: literal.String()})
			literal.Reset()
		}
	}
	for {
		before, after, found := strings.Cut(s, "$")
		literal.WriteString(before)
		if !found {
			flush()
			return v, problem{}
		}
		switch {
		case strings.HasPrefix(after, "$"):
			literal.WriteByte('$')
			s = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if p := checkReference(name, closed); p.message != "" {
				return nil, p
			}
			flush()
			v = append(v, Part{Ref: name})
			s = rest
		default:
			return nil, problem{"unescaped dollar in " + quote(s), "write ${NAME} to refer to a variable and $$ for a dollar"}
		}
	}
}

func checkReference(name string, closed bool) problem {
	const forms = "write ${NAME}; defaults and other operators are not supported"
	if !closed {
		return problem{quote("${"+name) + " is not closed", "write ${NAME} to refer to a variable and $$ for a dollar"}
	}
	if p := checkEnvName(name); p.message != "" {
		return problem{quote("${"+name+"}") + " is not a valid reference", forms}
	}
	return problem{}
}
