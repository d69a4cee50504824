package pkgspec

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/Masterminds/semver/v3"
)

// Language is what the format of a spec has for one language. Whoever parses a
// spec passes those that it knows.
type Language struct {
	// Name is its key in the section runtime: "node".
	Name string
	// Ecosystems are its keys in the section dependencies.
	Ecosystems []string
	// Example is a constraint of its releases, for hints: "~5.36".
	Example string
	// Check, unless it is nil, judges a spec that has the language, when all else is
	// known to be right. It reads the sections that are held as they were written
	// with Spec.Section. Its error is an Errors or an *Error.
	Check func(*Spec) error

	// constraint, options and ecosystem are typed sections; where they are nil, any
	// semver constraint will do and the sections are held as they were written.
	constraint check
	options    func() shape[RuntimeOptions]
	ecosystem  func(name string) shape[any]
}

// The keys of the runtime section that are not languages.
const (
	stripKey   = "strip"
	optionsKey = "options"
)

// Runtime returns the runtime of a language, or nil if the spec hasn't that
// language.
func (s *Spec) Runtime(language string) *Runtime {
	for i := range s.Runtimes {
		if s.Runtimes[i].Language == language {
			return &s.Runtimes[i]
		}
	}
	return nil
}

// SharedRuntime returns the runtime that is a package of its own, or nil. A spec
// has at most one.
func (s *Spec) SharedRuntime() *Runtime {
	for i := range s.Runtimes {
		if s.Runtimes[i].As == AsPackage {
			return &s.Runtimes[i]
		}
	}
	return nil
}

// Ecosystem returns a section of dependencies, or nil.
func (s *Spec) Ecosystem(name string) *Ecosystem {
	for i := range s.Dependencies {
		if s.Dependencies[i].Name == name {
			return &s.Dependencies[i]
		}
	}
	return nil
}

// Path returns where a value below the runtime's section stands in the spec, for
// Spec.ErrorAt and Spec.Section. Without keys that is the constraint.
func (r *Runtime) Path(keys ...string) []string {
	path := r.path
	if path == nil {
		path = []string{"runtime"}
	}
	if len(keys) == 0 {
		if len(path) == 1 {
			return append(slices.Clone(path), r.Language)
		}
		return append(slices.Clone(path), versionKey)
	}
	return append(slices.Clone(path), keys...)
}

// The keys that only the map of a language has.
const (
	versionKey   = "version"
	buildOnlyKey = "build_only"
)

// runtimeShape is the section in one of its two forms: one language and its keys
// side by side, or a map for each language.
func runtimeShape(languages []Language) shape[[]Runtime] {
	return shape[[]Runtime]{
		schema: runtimeSchema(languages),
		read: func(d *decoder, n *Node, at string) ([]Runtime, bool) {
			if n.Kind != Map && n.Kind != Null {
				d.wrong(n, at, "a map", "")
				return nil, false
			}
			r := runtimeReader{d: d, n: n, at: at, languages: languages}
			return r.read()
		},
	}
}

// runtimeReader reads the runtime section.
type runtimeReader struct {
	d         *decoder
	n         *Node
	at        string
	languages []Language
}

func (r *runtimeReader) read() ([]Runtime, bool) {
	var given []*Language
	nested, ok := false, true
	for _, f := range r.n.Fields {
		l := findLanguage(r.languages, f.Key.Text)
		switch {
		case l != nil:
			given = append(given, l)
			nested = nested || f.Value.Kind == Map
		case !slices.Contains(runtimeKeyNames(), f.Key.Text):
			r.failUnknown(f.Key)
			ok = false
		}
	}
	switch {
	case !ok:
		return nil, false
	case len(given) == 0:
		r.d.fail(r.n, r.at, "names no language", "")
		return nil, false
	case len(given) == 1 && !nested:
		v, ok := singleRuntime(given[0]).read(r.d, r.n, r.at)
		v.path = []string{r.at}
		return []Runtime{v}, ok
	}
	return r.readSeveral(given)
}

// readSeveral reads the form in which each language has a value of its own.
func (r *runtimeReader) readSeveral(given []*Language) ([]Runtime, bool) {
	ok, strip := true, true
	for _, f := range r.n.Fields {
		switch {
		case f.Key.Text == stripKey:
			v, good := boolean().read(r.d, f.Value, join(r.at, stripKey))
			strip, ok = v, ok && good
		case findLanguage(r.languages, f.Key.Text) == nil:
			r.d.fail(f.Key, join(r.at, f.Key.Text), "belongs to a single language", fmt.Sprintf("write it below the language: runtime: {%s: {version: %q, %s: …}}",
				given[0].Name, given[0].Example, f.Key.Text))
			ok = false
		}
	}
	var out []Runtime
	for _, l := range given {
		value, at := r.n.Get(l.Name), join(r.at, l.Name)
		s := nestedRuntime(l, strip)
		if value.Kind != Map {
			s = scalarRuntime(l, strip)
		}
		v, good := s.read(r.d, value, at)
		v.path = []string{r.at, l.Name}
		if value.Kind != Map {
			v.path = []string{r.at}
		}
		out, ok = append(out, v), ok && good
	}
	return out, ok
}

func (r *runtimeReader) failUnknown(k *Node) {
	var names []string
	for _, l := range r.languages {
		names = append(names, l.Name)
	}
	if k.Text == versionKey || k.Text == buildOnlyKey {
		name := r.languages[0].Name
		if i := slices.IndexFunc(r.languages, func(l Language) bool { return r.n.Get(l.Name) != nil }); i >= 0 {
			name = r.languages[i].Name
		}
		r.d.fail(k, join(r.at, k.Text), "belongs to a single language", fmt.Sprintf("write it below the language: runtime: {%s: {%s: …}}", name, k.Text))
		return
	}
	if nearest(k.Text, runtimeKeyNames()) != "" {
		r.d.unknownKey(k, r.at, append(names, runtimeKeyNames()...))
		return
	}
	r.d.fail(k, "", fmt.Sprintf("%s is not a language that envbuild knows", quote(k.Text)), unknownHint(k.Text, names))
}

func findLanguage(languages []Language, name string) *Language {
	for i := range languages {
		if languages[i].Name == name {
			return &languages[i]
		}
	}
	return nil
}

// singleRuntime is the section of a spec with one language.
func singleRuntime(l *Language) shape[Runtime] {
	return then(object(append([]field[Runtime]{
		key(l.Name, l.constraintShape(), func(r *Runtime, v string) { r.Language, r.Constraint = l.Name, v },
			"The releases of "+l.Name+" that will do, as a semver constraint.", l.example()),
	}, runtimeKeys(l, true)...)...), judgeRuntime(l, l.Name))
}

// nestedRuntime is the map of one of several languages.
func nestedRuntime(l *Language, strip bool) shape[Runtime] {
	s := object(append([]field[Runtime]{
		key(versionKey, l.constraintShape(), func(r *Runtime, v string) { r.Constraint = v },
			"The releases that will do, as a semver constraint.", fmt.Sprintf("version: %q", l.Example)).must(),
		key(buildOnlyKey, boolean(), func(r *Runtime, v bool) { r.BuildOnly = v },
			"Whether the language is for builds only, and no part of the environment and of packages.", `build_only: true`),
	}, runtimeKeys(l, strip)...)...)
	s = then(s, judgeRuntime(l, versionKey))
	return then(s, func(d *decoder, n *Node, at string, r *Runtime) bool {
		r.Language = l.Name
		if r.BuildOnly && r.As == AsPackage {
			d.fail(n.field(buildOnlyKey).Key, join(at, buildOnlyKey), "can't be combined with as: package", "delete it, or write as: bundled")
			return false
		}
		return true
	})
}

// scalarRuntime is the constraint of one of several languages, which has all else
// by default.
func scalarRuntime(l *Language, strip bool) shape[Runtime] {
	text := l.constraintShape()
	return shape[Runtime]{read: func(d *decoder, n *Node, at string) (Runtime, bool) {
		r := object(runtimeKeys(l, strip)...).absent()
		var ok bool
		r.Language = l.Name
		r.Constraint, ok = text.read(d, n, at)
		return r, ok
	}}
}

func (l *Language) constraintShape() shape[string] {
	if l.constraint != nil {
		return word(l.constraint)
	}
	return word(checkConstraint)
}

func (l *Language) example() string { return fmt.Sprintf("%s: %q", l.Name, l.Example) }

func runtimeKeyNames() []string {
	return []string{optionsKey, "as", stripKey, "prefix", "revision", "maintainer"}
}

// runtimeKeys are the keys that say of one language how its runtime is built and
// shipped.
func runtimeKeys(l *Language, strip bool) []field[Runtime] {
	options := key(optionsKey, raw(""), func(r *Runtime, n *Node) { r.rawOptions = n }, "How it is built.", "options: {}")
	if l.options != nil {
		options = key(optionsKey, l.options(), func(r *Runtime, v RuntimeOptions) { r.Options = v }, "How it is built.", `options: {threads: true}`)
	}
	return []field[Runtime]{
		options,
		key("as", or(enum(AsBundled, AsPackage), AsBundled), func(r *Runtime, v RuntimeAs) { r.As = v },
			"bundled puts it into the project's package; package makes it one that projects share.", `as: bundled`),
		key(stripKey, or(boolean(), strip), func(r *Runtime, v bool) { r.Strip = v },
			"Whether compiled files, those of the dependencies too, are stripped of what only debuggers read.", `strip: false`),
		key("prefix", text(checkPrefix), func(r *Runtime, v string) { r.Prefix = v },
			"Where a runtime that is a package of its own is installed.", `prefix: /usr/local/some-runtime`),
		key("revision", or(integer(1, 99999), 1), func(r *Runtime, v int) { r.Revision = v },
			"The Debian revision of a runtime that is a package of its own.", `revision: 2`),
		key("maintainer", text(checkMaintainer), func(r *Runtime, v string) { r.Maintainer = v },
			"Who answers for a runtime that is a package of its own; by default who answers for the project.",
			`maintainer: Runtime Team <runtime@example.org>`),
	}
}

// judgeRuntime checks what a runtime's keys mean together.
func judgeRuntime(l *Language, constraint string) func(d *decoder, n *Node, at string, r *Runtime) bool {
	return func(d *decoder, n *Node, at string, r *Runtime) bool {
		if _, err := semver.StrictNewVersion(r.Constraint); r.Options.Source != "" && err != nil {
			d.fail(n.Get(constraint), join(at, constraint), "with options.source it must be an exact release, not "+quote(r.Constraint),
				"write the version of the archive in full, as in "+l.Name+": "+strconv.Quote("1.2.3"))
			return false
		}
		return true
	}
}

// runtimeSchema allows both forms of the section.
func runtimeSchema(languages []Language) schema {
	out := schema{Type: "object", Properties: map[string]schema{}, AdditionalProperties: false}
	for i := range languages {
		one := singleRuntime(&languages[i]).schema
		scalar := one.Properties[languages[i].Name]
		nested := nestedRuntime(&languages[i], true).schema
		for name, s := range one.Properties {
			out.Properties[name] = s
		}
		out.Properties[languages[i].Name] = schema{Description: scalar.Description, example: scalar.example, OneOf: []schema{{Type: scalar.Type}, nested}}
	}
	return out
}

func runtimeExample(languages []Language) string {
	for i := range languages {
		return "runtime: {" + languages[i].example() + "}"
	}
	return "runtime: {}"
}

// dependenciesShape takes the ecosystems of all languages.
func dependenciesShape(languages []Language) shape[[]Ecosystem] {
	var fields []field[[]Ecosystem]
	for _, l := range languages {
		for _, name := range l.Ecosystems {
			fields = append(fields, ecosystemField(l, name))
		}
	}
	return then(object(fields...), func(_ *decoder, n *Node, _ string, es *[]Ecosystem) bool {
		for i := range *es {
			(*es)[i].Section = n.Get((*es)[i].Name)
		}
		return true
	})
}

func ecosystemField(l Language, name string) field[[]Ecosystem] {
	value := shape[any]{read: func(*decoder, *Node, string) (any, bool) { return nil, true }}
	if l.ecosystem != nil {
		value = l.ecosystem(name)
	}
	return key(name, value, func(es *[]Ecosystem, v any) { *es = append(*es, Ecosystem{Name: name, value: v}) },
		"Dependencies from "+name+", for "+l.Name+".", name+": {}")
}

func ecosystemExample(languages []Language) string {
	for _, l := range languages {
		for _, name := range l.Ecosystems {
			return "dependencies: {" + name + ": {}}"
		}
	}
	return "dependencies: {}"
}

// anyOf holds what a shape reads as a pointer to it.
func anyOf[T any](s shape[T]) shape[any] {
	return shape[any]{schema: s.schema, read: func(d *decoder, n *Node, at string) (any, bool) {
		v, ok := s.read(d, n, at)
		return &v, ok
	}}
}

// finishLanguages checks that the languages and the ecosystems belong together, and
// lets each language judge its part.
func (s *Spec) finishLanguages(d *decoder, languages []Language) {
	shared := 0
	for i := range s.Runtimes {
		if s.Runtimes[i].As == AsPackage {
			shared++
		}
		if shared > 1 {
			p := s.Runtimes[i].Path("as")
			d.fail(d.doc.find(p), "", "only one runtime can be a package of its own", "write as: bundled for one of them")
			break
		}
	}
	for _, e := range s.Dependencies {
		i := slices.IndexFunc(languages, func(l Language) bool { return slices.Contains(l.Ecosystems, e.Name) })
		if l := languages[i]; s.Runtime(l.Name) == nil {
			d.fail(d.doc.find([]string{"dependencies", e.Name}), join("dependencies", e.Name), "is for "+l.Name+", which is not in runtime",
				"add a constraint to runtime, such as "+l.example())
		}
	}
	if len(d.errs) > 0 {
		return
	}
	for _, l := range languages {
		if l.Check != nil && s.Runtime(l.Name) != nil {
			d.add(l.Check(s))
		}
	}
}
