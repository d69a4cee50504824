package lang

import "github.com/envbuild/envbuild/pkgspec"

// Formatter is a language whose sections of the spec are more than a constraint.
type Formatter interface {
	// Format is the language's part of the spec's format.
	Format() pkgspec.Language
}

// Table holds the languages that envbuild knows, in the order in which they are
// looked for.
type Table []Language

// Formats are the languages as pkgspec.Parse and pkgspec.Schema take them.
func (t Table) Formats() []pkgspec.Language {
	formats := make([]pkgspec.Language, len(t))
	for i, l := range t {
		if f, ok := l.(Formatter); ok {
			formats[i] = f.Format()
		} else {
			formats[i] = pkgspec.Language{Name: l.Name(), Example: ">=1"}
		}
	}
	return formats
}

// Of returns the languages of a spec, in its order.
func (t Table) Of(spec *pkgspec.Spec) Table {
	var out Table
	for _, r := range spec.Runtimes {
		for _, l := range t {
			if l.Name() == r.Language {
				out = append(out, l)
			}
		}
	}
	return out
}
