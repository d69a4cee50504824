package lang

import (
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

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

// Language returns the language of a name, or nil.
func (t Table) Language(name string) Language {
	for _, l := range t {
		if l.Name() == name {
			return l
		}
	}
	return nil
}

// Inputs are the inputs of all languages, sorted by name.
func (t Table) Inputs(spec *pkgspec.Spec, readFile ReadFile) ([]pkgspec.LockInput, error) {
	var all []pkgspec.LockInput
	for _, l := range t {
		inputs, err := l.Inputs(spec, readFile)
		if err != nil {
			return nil, err
		}
		all = append(all, inputs...)
	}
	slices.SortFunc(all, func(a, b pkgspec.LockInput) int { return strings.Compare(a.Name, b.Name) })
	// Two languages may read one file.
	return slices.Compact(all), nil
}

// Registries are what each language's own configuration says, by language.
func (t Table) Registries(c Configuration) (map[string][]Registry, error) {
	all := map[string][]Registry{}
	for _, l := range t {
		r, ok := l.(RegistryConfigurer)
		if !ok {
			continue
		}
		registries, err := r.Registries(c)
		if err != nil {
			return nil, err
		}
		all[l.Name()] = registries
	}
	return all, nil
}

// Steps are the steps of all languages. registries are those of Table.Registries.
func (t Table) Steps(spec *pkgspec.Spec, lock *pkgspec.Lock, registries map[string][]Registry) ([]plan.Step, error) {
	var all []plan.Step
	for _, l := range t {
		steps, err := l.Steps(StepsRequest{Spec: spec, Lock: lock, Registries: registries[l.Name()]})
		if err != nil {
			return nil, err
		}
		all = append(all, steps...)
	}
	return all, nil
}

// Environment lists the variables of all languages. A search path of several
// languages has their directories in the order of the languages; of other
// variables the first language's counts.
func (t Table) Environment(spec *pkgspec.Spec, lock *pkgspec.Lock) []Var {
	var all []Var
	for _, l := range t {
		p, ok := l.(EnvironmentProvider)
		if !ok {
			continue
		}
		for _, v := range p.Environment(spec, lock) {
			i := slices.IndexFunc(all, func(a Var) bool { return a.Name == v.Name })
			switch {
			case i < 0:
				all = append(all, v)
			case all[i].Kind == v.Kind && (v.Kind == Prepend || v.Kind == Path):
				all[i].Values = slices.Concat(all[i].Values, v.Values)
			}
		}
	}
	return all
}

// Layout is what a view of all languages looks like.
func (t Table) Layout(spec *pkgspec.Spec, lock *pkgspec.Lock) Layout {
	var all Layout
	for _, l := range t {
		one := layoutOf(l, spec, lock)
		for _, d := range one.Directories {
			d.Language = l.Name()
			all.Directories = append(all.Directories, d)
		}
		all.Symlinks = append(all.Symlinks, one.Symlinks...)
		all.Files = append(all.Files, one.Files...)
	}
	return all
}

// SystemPackages are the Debian packages that the spec gives to builds.
func (t Table) SystemPackages(spec *pkgspec.Spec) []string {
	var all []string
	for _, l := range t {
		if d, ok := l.(PackageDeclarer); ok {
			all = append(all, d.SystemPackages(spec)...)
		}
	}
	return all
}

// Shipped returns the languages that packages have: those that the spec doesn't
// keep to builds.
func (t Table) Shipped(spec *pkgspec.Spec) Table {
	return slices.DeleteFunc(slices.Clone(t), func(l Language) bool {
		r := spec.Runtime(l.Name())
		return r != nil && r.BuildOnly
	})
}
