package pkgspec

import "strings"

// EnvVar is a variable of the environment.
type EnvVar struct {
	Name string
	// List says that the variable is a search path: Values are put before what it
	// holds, each once. Otherwise Values has one element, which replaces it.
	List   bool
	Values []Value
}

// Value is a string in which variables are referred to. Adjacent literals are
// one part, and no literal is empty, so that equal values are equal slices. The
// empty string is a Value without parts.
type Value []Part

// Part is a literal or, if Ref is set, the value of the variable of that name.
type Part struct {
	Literal string
	Ref     string
}

// IsLiteral reports whether v refers to no variable.
func (v Value) IsLiteral() bool {
	for _, p := range v {
		if p.Ref != "" {
			return false
		}
	}
	return true
}

// Refs lists the variables that v refers to, in order, each as often as it does.
func (v Value) Refs() []string {
	var refs []string
	for _, p := range v {
		if p.Ref != "" {
			refs = append(refs, p.Ref)
		}
	}
	return refs
}

// Expand returns the string with every reference replaced by what lookup says.
func (v Value) Expand(lookup func(name string) string) string {
	var b strings.Builder
	for _, p := range v {
		if p.Ref != "" {
			b.WriteString(lookup(p.Ref))
		} else {
			b.WriteString(p.Literal)
		}
	}
	return b.String()
}

// String writes v as it stands in a spec: ${NAME} for a reference, $$ for a
// literal dollar.
func (v Value) String() string {
	var b strings.Builder
	for _, p := range v {
		if p.Ref != "" {
			b.WriteString("${" + p.Ref + "}")
		} else {
			b.WriteString(strings.ReplaceAll(p.Literal, "$", "$$"))
		}
	}
	return b.String()
}
