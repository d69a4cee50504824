package perl

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// inputExempt names the fields of the spec that are not among the lock's inputs,
// with the reason. TestInputsCoverTheSpec fails for a field that is neither.
func inputExempt() map[string]string {
	const (
		packaging = "only packages, units and environments are made of it"
		builds    = "it is in the keys of steps; which distributions there are doesn't depend on it"
	)
	return map[string]string{
		"Spec.File": "for errors", "Spec.Dir": "a project can be moved",
		"Spec.Name": packaging, "Spec.Version": packaging, "Spec.Maintainer": packaging, "Spec.Description": packaging,
		"Spec.App": packaging, "Spec.Env": packaging, "Spec.EnvFiles": packaging, "Spec.Services": packaging,
		"Spec.ServicesFormat": packaging, "Spec.Package": packaging, "Spec.Publish": packaging,
		"Runtime.As": packaging, "Runtime.BuildOnly": packaging, "Runtime.Prefix": packaging, "Runtime.Revision": packaging,
		"Runtime.Maintainer": packaging, "Runtime.Strip": builds,
		"Ecosystem.Section": "its typed form counts",
		"BuildHelp.Env":     builds, "BuildHelp.Apt": builds,
	}
}

// TestInputsCoverTheSpec changes each field of a spec in turn and expects other
// inputs, unless the field is exempted by name.
func TestInputsCoverTheSpec(t *testing.T) {
	cpan := &pkgspec.CPAN{Build: []pkgspec.BuildHelp{{Needs: []string{"X"}}}}
	spec := &pkgspec.Spec{
		Runtimes: []pkgspec.Runtime{{Language: language}}, Dependencies: cpan.Dependencies(),
	}
	w := inputWalker{t: t, inputs: func() string { return fmt.Sprint(inputsOf(t, spec)) }, exempt: inputExempt(), seen: map[string]bool{}}
	w.base = w.inputs()
	w.walk(reflect.ValueOf(spec).Elem())
	w.walk(reflect.ValueOf(cpan).Elem())
	for name := range w.exempt {
		if !w.seen[name] {
			t.Errorf("%s is exempted and doesn't exist", name)
		}
	}
}

func inputsOf(t *testing.T, spec *pkgspec.Spec) []pkgspec.LockInput {
	t.Helper()
	// A file that is named differently counts because its content does.
	inputs, err := New().Inputs(spec, func(name string) ([]byte, error) { return []byte(name), nil })
	if err != nil {
		t.Fatal(err)
	}
	return inputs
}

type inputWalker struct {
	t      *testing.T
	inputs func() string
	base   string
	exempt map[string]string
	seen   map[string]bool
}

func (w *inputWalker) walk(v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name, f := v.Type().Name()+"."+field.Name, v.Field(i)
		w.seen[name] = true
		if name == "Runtime.Language" || name == "Ecosystem.Name" || w.exempt[name] == "" && w.descends(f) {
			continue // the two by which the language's parts are found
		}
		old := reflect.ValueOf(f.Interface())
		change(f)
		if changed := w.inputs() != w.base; changed == (w.exempt[name] != "") {
			w.t.Errorf("%s: changes the inputs: %v, exempted: %q", name, changed, w.exempt[name])
		}
		f.Set(old)
	}
}

// descends walks a struct, or the first of a slice of structs.
func (w *inputWalker) descends(f reflect.Value) bool {
	switch {
	case f.Kind() == reflect.Struct:
		w.walk(f)
	case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && f.Len() > 0:
		w.walk(f.Index(0))
	default:
		return false
	}
	return true
}

// change gives a field another value.
func change(f reflect.Value) {
	switch f.Kind() {
	case reflect.String:
		f.SetString("changed")
	case reflect.Int:
		f.SetInt(7)
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Slice:
		f.Set(reflect.Append(f, reflect.New(f.Type().Elem()).Elem()))
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
	case reflect.Struct:
		change(f.Field(0))
	default:
		panic(fmt.Sprint("no change for ", f.Kind()))
	}
}

func TestInputsAreThoseOfFilesThatAreThere(t *testing.T) {
	spec := &pkgspec.Spec{
		Runtimes:     []pkgspec.Runtime{{Language: language, Options: pkgspec.RuntimeOptions{Patches: []string{"p.diff"}}}},
		Dependencies: (&pkgspec.CPAN{Cpanfile: "deps/cpanfile"}).Dependencies(),
	}
	var asked []string
	inputs, err := New().Inputs(spec, func(name string) ([]byte, error) {
		asked = append(asked, name)
		if name == "deps/cpanfile.snapshot" {
			return nil, fs.ErrNotExist
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, in := range inputs {
		names = append(names, in.Name)
	}
	if got := strings.Join(asked, " "); got != "deps/cpanfile deps/cpanfile.snapshot p.diff" {
		t.Errorf("asked for %s", got)
	}
	if !slices.IsSorted(names) || slices.Contains(names, "deps/cpanfile.snapshot") || !slices.Contains(names, "p.diff") {
		t.Errorf("inputs are %s", names)
	}
	broken := errors.New("broken")
	if _, err := New().Inputs(spec, func(string) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestRegistries(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "http://a/,http://b/ file:///c": "http://a/ http://b/ file:///c", "mirror": "mirror",
	} {
		got, err := New().Registries(lang.Configuration{Getenv: func(string) string { return value }})
		if err != nil || strings.Join(lang.Addresses(got), " ") != want {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	_, err := New().Registries(lang.Configuration{Getenv: func(string) string { return "http://me:sesame@a/" }})
	var wrong *MirrorVariableError
	if !errors.As(err, &wrong) || wrong.Hint() == "" || strings.Contains(err.Error(), "sesame") {
		t.Errorf("with a password: %v", err)
	}
}

// The powers that perl has.
var (
	_ lang.Language            = (*Perl)(nil)
	_ lang.Formatter           = (*Perl)(nil)
	_ lang.EnvironmentProvider = (*Perl)(nil)
	_ lang.LayoutProvider      = (*Perl)(nil)
	_ lang.PackageDeclarer     = (*Perl)(nil)
	_ lang.RegistryConfigurer  = (*Perl)(nil)
	_ lang.OutputChecker       = (*Perl)(nil)
	_ lang.FailureExplainer    = (*Perl)(nil)
	_ lang.Interpreter         = (*Perl)(nil)
	_ lang.RuntimePackager     = (*Perl)(nil)
	_ lang.Identifier          = (*Perl)(nil)
)
