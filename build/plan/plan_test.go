package plan

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
)

func names(steps []*Step) (out []string) {
	for _, s := range steps {
		out = append(out, s.Name)
	}
	return out
}

func TestGraph(t *testing.T) {
	g, err := NewGraph([]Step{
		{Name: "app", Deps: []string{"b", "c"}},
		{Name: "b", Deps: []string{"a"}},
		{Name: "c", Deps: []string{"a", "perl"}},
		{Name: "a", Deps: []string{"perl"}},
		{Name: "perl"},
		{Name: "other", Deps: []string{"perl"}},
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
}

func TestGraphErrors(t *testing.T) {
	_, err := NewGraph([]Step{{Name: "x", Deps: []string{"a"}}, {Name: "a", Deps: []string{"b"}}, {Name: "b", Deps: []string{"a"}}})
	var cycle *CycleError
	if !errors.As(err, &cycle) || !slices.Equal(cycle.Names, []string{"a", "b", "a"}) {
		t.Errorf("cycle: %v", err)
	}
	_, err = NewGraph([]Step{{Name: "a", Deps: []string{"b"}}})
	var missing *MissingStepError
	if !errors.As(err, &missing) || missing.Dep != "b" {
		t.Errorf("missing: %v", err)
	}
	if _, err = NewGraph([]Step{{Name: "a"}, {Name: "a"}}); err == nil {
		t.Error("a name given twice was accepted")
	}
}

func key(s *Step, m Machine, closure ...Dependency) digest.Key { return KeyOf(Inputs(s, m, closure)) }

// TestKeyCoversEveryField changes each field of a step in turn and expects
// another key, unless the field is exempted by name.
func TestKeyCoversEveryField(t *testing.T) {
	sample := func() *Step {
		return &Step{
			Files: []File{{}}, Sources: []Source{{}}, Env: []Var{{}}, Shared: []SharedFile{{}},
		}
	}
	base := key(sample(), Machine{})
	seen := map[string]bool{}
	var visit func(root *Step, v reflect.Value, t2 *testing.T)
	visit = func(root *Step, v reflect.Value, t *testing.T) {
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := v.Type().Name() + "." + field.Name
			f := v.Field(i)
			if f.Kind() == reflect.Struct {
				visit(root, f, t)
				continue
			}
			if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && keyExempt[name] == "" {
				visit(root, f.Index(0), t)
				continue
			}
			old := reflect.ValueOf(f.Interface())
			change(f)
			seen[name] = true
			if changed := key(root, Machine{}) != base; changed == (keyExempt[name] != "") {
				t.Errorf("%s: changes the key: %v, exempted: %q", name, changed, keyExempt[name])
			}
			f.Set(old)
		}
	}
	s := sample()
	visit(s, reflect.ValueOf(s).Elem(), t)
	for name := range keyExempt {
		if !seen[name] {
			t.Errorf("%s is exempted and doesn't exist", name)
		}
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
		"closure":  key(s, Machine{}, Dependency{Name: "a"}),
		"output":   key(s, Machine{}, Dependency{Name: "a", Output: digest.ID{1}}),
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

func TestPlaceholders(t *testing.T) {
	for _, p := range []string{RuntimePrefix, BundlePrefix, WorkPath} {
		if len(p) != PrefixLen {
			t.Errorf("%s has %d bytes", p, len(p))
		}
	}
}
