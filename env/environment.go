package env

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/envbuild/envbuild/pkgspec"
)

// Kind says how an assignment meets the value that the variable has already.
type Kind int

// The kinds of assignments.
const (
	// Set replaces the value.
	Set Kind = iota
	// Prepend puts entries first in a search path, each once, and keeps the rest.
	Prepend
	// Path makes a search path of the entries alone.
	Path
	// Unset removes the variable.
	Unset
)

// Var is one assignment.
type Var struct {
	Name string
	Kind Kind
	// Values is one value for Set, the entries of a search path for Prepend and
	// Path, and empty for Unset. An entry that comes out empty is left out.
	Values []pkgspec.Value
}

// Literals is a Var whose values refer to nothing.
func Literals(name string, kind Kind, values ...string) Var {
	v := Var{Name: name, Kind: kind}
	for _, s := range values {
		v.Values = append(v.Values, literal(s))
	}
	return v
}

func literal(s string) pkgspec.Value {
	if s == "" {
		return nil
	}
	return pkgspec.Value{{Literal: s}}
}

// Environment is a checked list of assignments. It doesn't change once made.
type Environment struct {
	vars []Var
	// pinned is how many of vars, from the first, are the bundle's.
	pinned int
}

// PinnedError says that something sets a variable that belongs to the bundle.
type PinnedError struct {
	Name string
	// Origin is what set it: "envbuild.yaml", a place in an env file, or "-e".
	Origin string
}

func (e *PinnedError) Error() string {
	return fmt.Sprintf("%s: %s is set by envbuild", e.Origin, e.Name)
}

// Hint says how a search path is extended.
func (e *PinnedError) Hint() string {
	return "a search path can be extended: give it a list under env: in envbuild.yaml"
}

// OrderError says that a value refers to a variable that is assigned after it,
// so that a second pass would see another value than the first.
type OrderError struct{ Name, Ref string }

func (e *OrderError) Error() string {
	if e.Name == e.Ref {
		return fmt.Sprintf("variable %s refers to itself", e.Name)
	}
	return fmt.Sprintf("variable %s refers to %s, which is assigned after it", e.Name, e.Ref)
}

// Hint says how to write it instead.
func (e *OrderError) Hint() string {
	if e.Name == e.Ref {
		return "a list is put before what the variable holds, without a reference"
	}
	return fmt.Sprintf("put %s before %s", e.Ref, e.Name)
}

// New returns the environment that assigns first what the bundle needs, which
// nothing may replace, then the variables of the spec. The spec may extend the
// bundle's search paths and set what the bundle only unsets. Errors are
// *NameError, *ValueError, *PinnedError and *OrderError.
func New(pinned []Var, spec []pkgspec.EnvVar) (*Environment, error) {
	e := &Environment{vars: slices.Clone(pinned), pinned: len(pinned)}
	for _, v := range spec {
		kind := Set
		if v.List {
			kind = Prepend
		}
		if !e.allows(v.Name, kind) {
			return nil, &PinnedError{v.Name, pkgspec.SpecName}
		}
		e.vars = append(e.vars, Var{v.Name, kind, v.Values})
	}
	for i, v := range e.vars {
		if err := v.check(); err != nil {
			return nil, err
		}
		if err := checkOrder(v, e.vars[i:]); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// allows reports whether the bundle lets others assign name in that way.
func (e *Environment) allows(name string, kind Kind) bool {
	for _, v := range e.vars[:e.pinned] {
		if v.Name != name {
			continue
		}
		extends := kind == Prepend && (v.Kind == Prepend || v.Kind == Path)
		if v.Kind != Unset && !extends {
			return false
		}
	}
	return true
}

func (v Var) check() error {
	if err := checkName(v.Name); err != nil {
		return err
	}
	want := len(v.Values) > 0
	switch v.Kind {
	case Set:
		want = len(v.Values) == 1
	case Unset:
		want = len(v.Values) == 0
	}
	if !want {
		return &ValueError{Name: v.Name, Reason: fmt.Sprintf("it has %d values", len(v.Values))}
	}
	for _, value := range v.Values {
		if err := v.checkValue(value); err != nil {
			return err
		}
	}
	return nil
}

func (v Var) checkValue(value pkgspec.Value) error {
	for _, p := range value {
		if p.Ref != "" && !isName(p.Ref) {
			return &NameError{p.Ref, "a reference to what is not a valid name"}
		}
		if err := checkValue(v.Name, p.Literal); err != nil {
			return err
		}
		if v.Kind == Set {
			continue
		}
		if strings.Contains(p.Literal, ":") {
			return &ValueError{Name: v.Name, Reason: fmt.Sprintf("the entry %q of a search path holds a colon", value)}
		}
		// bash 5.2 matches such a pattern beyond its end: with the entry "\xc3\\"
		// and a locale of UTF-8, env.rc made a PATH with bytes out of nowhere.
		if !utf8.ValidString(p.Literal) {
			return &ValueError{Name: v.Name, Reason: fmt.Sprintf("the entry %q of a search path is not UTF-8", value)}
		}
	}
	if v.Kind != Set && len(value) == 0 {
		return &ValueError{Name: v.Name, Reason: "an entry of a search path is empty"}
	}
	return nil
}

// checkOrder refuses a v that refers to one of later, which begins with v.
func checkOrder(v Var, later []Var) error {
	for _, value := range v.Values {
		for _, ref := range value.Refs() {
			if slices.ContainsFunc(later, func(w Var) bool { return w.Name == ref }) {
				return &OrderError{v.Name, ref}
			}
		}
	}
	return nil
}

// assigns reports whether e assigns name.
func (e *Environment) assigns(name string) bool {
	return slices.ContainsFunc(e.vars, func(v Var) bool { return v.Name == name })
}
