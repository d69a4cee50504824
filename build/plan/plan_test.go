package plan

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
)

func names(steps []*Step) (out []string) {
	for _, s := range steps {
		out = append(out, s.Name)
	}
	return out
}

func named(name string, deps ...string) Step { return Step{ID: name, Name: name, Deps: deps} }

func TestGraph(t *testing.T) {
	g, err := NewGraph([]Step{
		named("app", "b", "c"), named("b", "a"), named("c", "a", "perl", "a"), named("a", "perl"), named("perl"),
		named("other", "perl"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(g.Steps()), []string{"perl", "a", "b", "c", "app", "other"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if got, want := names(g.Closure("app")), []string{"perl", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("closure %v, want %v", got, want)
	}
	if got, want := names(g.Dependents("a")), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("dependents %v, want %v", got, want)
	}
	if got, want := names(g.Deps("c")), []string{"a", "perl"}; !slices.Equal(got, want) {
		t.Errorf("dependencies %v, want %v", got, want)
	}
}

// TestClosureIsTheStepsOwn adds a step that comes first and makes the graph visit
// the others in another order.
func TestClosureIsTheStepsOwn(t *testing.T) {
	steps := []Step{named("app", "a", "b"), named("a"), named("b")}
	for _, before := range [][]Step{nil, {named("first", "b", "a")}} {
		g, err := NewGraph(append(before, steps...))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := names(g.Closure("app")), []string{"a", "b"}; !slices.Equal(got, want) {
			t.Errorf("closure %v, want %v", got, want)
		}
	}
}

func TestNames(t *testing.T) {
	g, err := NewGraph([]Step{{ID: "npm:a@1", Name: "a"}, {ID: "npm:a@2", Name: "a"}, {ID: "npm:b@1", Name: "b", Version: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"npm:a@2": "npm:a@2", "b": "npm:b@1", "b-1": "npm:b@1", "c": ""} {
		s, err := g.Find(text)
		if err != nil || (s == nil) != (want == "") || s != nil && s.ID != want {
			t.Errorf("%s: %v, %v; want %s", text, s, err, want)
		}
	}
	var ambiguous *AmbiguousStepError
	if _, err := g.Find("a"); !errors.As(err, &ambiguous) || !strings.Contains(ambiguous.Hint(), "npm:a@1, npm:a@2") {
		t.Errorf("a name that two share: %v", err)
	}
	if got, want := g.Labels(g.Steps()), []string{"npm:a@1", "npm:a@2", "b"}; !slices.Equal(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
}

func TestGraphErrors(t *testing.T) {
	_, err := NewGraph([]Step{named("x", "a"), named("a", "b"), named("b", "a")})
	var cycle *CycleError
	if !errors.As(err, &cycle) || !slices.Equal(cycle.Names, []string{"a", "b", "a"}) {
		t.Errorf("cycle: %v", err)
	}
	// Steps that share a name: the cycle begins where it does, and tells them apart.
	_, err = NewGraph([]Step{
		{ID: "a@1", Name: "a", Deps: []string{"b"}}, named("b", "a@2"), {ID: "a@2", Name: "a", Deps: []string{"b"}},
	})
	if !errors.As(err, &cycle) || !slices.Equal(cycle.Names, []string{"b", "a@2", "b"}) {
		t.Errorf("cycle below a step of the same name: %v", err)
	}
	_, err = NewGraph([]Step{{ID: "a@1", Name: "a", Deps: []string{"b"}}, named("b", "a@2"), {ID: "a@2", Name: "a", Deps: []string{"a@2"}}})
	if !errors.As(err, &cycle) || !slices.Equal(cycle.Names, []string{"a@2", "a@2"}) {
		t.Errorf("cycle of one step behind another of its name: %v", err)
	}
	_, err = NewGraph([]Step{named("a", "b")})
	var missing *MissingStepError
	if !errors.As(err, &missing) || missing.Dep != "b" {
		t.Errorf("missing: %v", err)
	}
	if _, err = NewGraph([]Step{named("a"), named("a")}); err == nil {
		t.Error("an ID given twice was accepted")
	}
	if _, err = NewGraph([]Step{{Name: "a"}}); err == nil {
		t.Error("a step without an ID was accepted")
	}
}

func key(s *Step, m Machine, deps ...Dependency) digest.Key {
	return KeyOf(Inputs(s, m.Inputs(s), deps))
}

// exempt names the fields of Step and what it holds that are not in the key of a
// step of the sandbox, with the reason. The test fails for a field that is neither
// hashed nor here.
func exempt() map[string]string {
	const origin = "where an archive comes from never matters"
	return map[string]string{
		"Step.Name":             "for people; the ID decides",
		"Step.Places":           "an output has no place of its own; that of dependencies is in their closure digests",
		"Step.Deps":             "the closures' digests are hashed instead, so that an identical rebuild cuts off what is behind it",
		"Step.CBytes":           "orders the schedule only",
		"Source.Name":           "for people",
		"Source.Size":           "the digest decides",
		"Source.Path":           origin,
		"Source.Mirrors":        origin,
		"Source.URLs":           origin,
		"Source.DebianPaths":    origin,
		"Recipe.Name":           "for people",
		"Unpacking.Format":      "of the other engine",
		"Unpacking.Strip":       "of the other engine",
		"Unpacking.Executables": "of the other engine",
	}
}

// unpackHashed names what is in the key of a step that is unpacked, and nothing
// else may be.
func unpackHashed() map[string]string {
	const content = "decides the content"
	return map[string]string{
		"Step.Engine": content, "Source.SHA256": content,
		"Unpacking.Format": content, "Unpacking.Strip": content, "Unpacking.Executables": content,
	}
}

// TestKeyCoversEveryField changes each field of a step in turn and expects
// another key, unless the field is exempted by name.
func TestKeyCoversEveryField(t *testing.T) {
	keyExempt := exempt()
	eachField(t, Sandbox, func(name string, changed bool) {
		if changed == (keyExempt[name] != "") {
			t.Errorf("%s: changes the key: %v, exempted: %q", name, changed, keyExempt[name])
		}
		delete(keyExempt, name)
	})
	for name := range keyExempt {
		t.Errorf("%s is exempted and doesn't exist", name)
	}
	hashed := unpackHashed()
	eachField(t, Unpack, func(name string, changed bool) {
		if changed != (hashed[name] != "") {
			t.Errorf("%s: changes the key of what is unpacked: %v", name, changed)
		}
	})
}

// eachField tells of each field of a step whether the key changes with it.
func eachField(t *testing.T, engine Engine, tell func(name string, changed bool)) {
	t.Helper()
	s := &Step{Engine: engine, Files: []File{{}}, Sources: []Source{{}}, Env: []Var{{}}, Shared: []SharedFile{{}}}
	base := key(s, Machine{})
	fields := map[string]bool{} // of the several Recipes one that counts is enough
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			f := v.Field(i)
			switch {
			case f.Kind() == reflect.Struct:
				visit(f)
				continue
			case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
				visit(f.Index(0))
				continue
			}
			old := reflect.ValueOf(f.Interface())
			change(f)
			fields[name] = key(s, Machine{}) != base
			f.Set(old)
		}
	}
	visit(reflect.ValueOf(s).Elem())
	for name, changed := range fields {
		tell(name, changed)
	}
}

func change(f reflect.Value) {
	switch f.Kind() {
	case reflect.String:
		f.SetString("changed")
	case reflect.Int, reflect.Int64:
		f.SetInt(7)
	case reflect.Uint32:
		f.SetUint(7)
	case reflect.Array:
		f.Index(0).SetUint(7)
	case reflect.Slice:
		f.Set(reflect.Append(f, reflect.New(f.Type().Elem()).Elem()))
	default:
		panic(fmt.Sprint("no change for ", f.Kind()))
	}
}

func TestKeyCoversMachineAndClosure(t *testing.T) {
	s := &Step{SysPackages: []string{"libxml2-dev"}}
	keys := map[digest.Key]string{}
	for name, k := range map[string]digest.Key{
		"plain":    key(s, Machine{}),
		"arch":     key(s, Machine{Arch: "arm64"}),
		"release":  key(s, Machine{Release: "debian-12"}),
		"tool":     key(s, Machine{Tools: []Tool{{Path: "/usr/bin/cc"}}}),
		"content":  key(s, Machine{Tools: []Tool{{Path: "/usr/bin/cc", SHA256: digest.Sum(nil)}}}),
		"base":     key(s, Machine{Packages: map[string]string{"libc6-dev": "1"}}),
		"declared": key(s, Machine{Packages: map[string]string{"libxml2-dev": "1"}}),
		"name":     key(s, Machine{}, Dependency{Name: "a"}),
		"output":   key(s, Machine{}, Dependency{Name: "a", Output: digest.ID{1}}),
		"closure":  key(s, Machine{}, Dependency{Name: "a", Closure: digest.SHA256{1}}),
	} {
		if keys[k] != "" {
			t.Errorf("%s and %s have one key", name, keys[k])
		}
		keys[k] = name
	}
	if key(s, Machine{}) != key(s, Machine{Packages: map[string]string{"unrelated-dev": "1"}}) {
		t.Error("a package that the step doesn't declare changes its key")
	}
}

// TestClosureDigest changes each thing that a dependent sees.
func TestClosureDigest(t *testing.T) {
	id := digest.ID{1}
	seen := map[digest.SHA256]string{}
	for name, d := range map[string]digest.SHA256{
		"plain":      ClosureDigest(&Step{}, id, nil),
		"output":     ClosureDigest(&Step{}, digest.ID{2}, nil),
		"prefix":     ClosureDigest(&Step{Prefix: "/p"}, id, nil),
		"place":      ClosureDigest(&Step{Places: []string{"a"}}, id, nil),
		"two places": ClosureDigest(&Step{Places: []string{"a", "b"}}, id, nil),
		"dependency": ClosureDigest(&Step{}, id, []Dependency{{}}),
		"its own":    ClosureDigest(&Step{}, id, []Dependency{{Closure: digest.SHA256{1}}}),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	if ClosureDigest(&Step{Name: "a", Version: "1"}, id, nil) != ClosureDigest(&Step{Name: "b"}, id, nil) {
		t.Error("the digest depends on what nobody sees")
	}
}

func TestChanged(t *testing.T) {
	step := &Step{Recipe: Recipe{Script: "make"}, Env: []Var{{"A", "1"}}}
	is := func(s *Step, deps ...Dependency) []Input { return Inputs(s, Machine{}.Inputs(s), deps) }
	was := Summarize(is(step, Dependency{Name: "a"}))
	for want, now := range map[string][]Input{
		"":                     is(step, Dependency{Name: "a"}),
		"recipe changed":       is(&Step{Recipe: Recipe{Script: "make all"}}, Dependency{Name: "a"}),
		"variable A changed":   is(&Step{Recipe: step.Recipe, Env: []Var{{"A", "2"}}}, Dependency{Name: "a"}),
		"variable A is gone":   is(&Step{Recipe: step.Recipe}, Dependency{Name: "a"}),
		"dependency a changed": is(step, Dependency{Name: "a", Output: digest.ID{1}}),
		"dependency b is new":  is(step, Dependency{Name: "b"}),
	} {
		if got := was.Changed(now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	for _, p := range []string{WorkPath, NewPrefix("node"), NewPrefix("node bundle")} {
		if len(p) != PrefixLen || p[0] != '/' {
			t.Errorf("%s has %d bytes", p, len(p))
		}
	}
	if again := NewPrefix("node"); again == NewPrefix("node bundle") || again != NewPrefix("node") {
		t.Error("a placeholder is not its name's own")
	}
}

func TestPathsTo(t *testing.T) {
	g, err := NewGraph([]Step{named("app", "web"), named("tool", "c"), named("web", "c"), named("c")})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"c": "[[app web c] [tool c]]", "web": "[[app web]]", "app": "[]"} {
		if got := fmt.Sprint(g.PathsTo(g.Step(name))); got != want {
			t.Errorf("to %s: %s, want %s", name, got, want)
		}
	}
}
