package env

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/pkgspec"
)

// lit and ref make the parts of a value.
func lit(s string) pkgspec.Part { return pkgspec.Part{Literal: s} }
func ref(s string) pkgspec.Part { return pkgspec.Part{Ref: s} }

// set and list make variables of a spec.
func set(name string, parts ...pkgspec.Part) pkgspec.EnvVar {
	return pkgspec.EnvVar{Name: name, Values: []pkgspec.Value{parts}}
}

func list(name string, values ...pkgspec.Value) pkgspec.EnvVar {
	return pkgspec.EnvVar{Name: name, List: true, Values: values}
}

// bundle is what envbuild pins for a perl project at base.
func bundle(base string) []Var {
	return []Var{
		Literals("PROJECT_BASE", Set, base),
		Literals("PATH", Prepend, "/v/local/bin", "/v/runtime/bin"),
		Literals("PERL5LIB", Path, "/v/local/lib/perl5"),
		Literals("PERL5OPT", Unset),
	}
}

// sample is an environment that uses everything.
func sample(t testing.TB) *Environment {
	t.Helper()
	return mustNew(t, bundle("/srv/app"), []pkgspec.EnvVar{
		set("PLACK_PORT", lit("5555")),
		set("URL", lit("http://localhost:"), ref("PLACK_PORT"), lit("/"), ref("USER")),
		list("PERL5LIB", pkgspec.Value{ref("PROJECT_BASE"), lit("/lib")}),
		list("PATH", pkgspec.Value{ref("PROJECT_BASE"), lit("/script")}, pkgspec.Value{ref("HOME"), lit("/bin")}),
	})
}

func mustNew(t testing.TB, pinned []Var, spec []pkgspec.EnvVar) *Environment {
	t.Helper()
	e, err := New(pinned, spec)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustFile(t testing.TB, name, text string) File {
	t.Helper()
	f, err := parseFile(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestResolve(t *testing.T) {
	caller := []string{
		"PATH=/usr/bin:/v/local/bin:/bin", "USER=ada", "HOME=/home/ada", "PERL5LIB=/stray", "PERL5OPT=-Mstray",
		"PLACK_PORT=1", "USER=second", "nonsense", "=x", "BASH_FUNC_f%%=() { :; }",
	}
	got, err := sample(t).Resolve(caller, Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BASH_FUNC_f%%=() { :; }",
		"HOME=/home/ada",
		"PATH=/srv/app/script:/home/ada/bin:/v/local/bin:/v/runtime/bin:/usr/bin:/bin",
		"PERL5LIB=/srv/app/lib:/v/local/lib/perl5",
		"PLACK_PORT=5555",
		"PROJECT_BASE=/srv/app",
		"URL=http://localhost:5555/ada",
		"USER=ada",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	again, err := sample(t).Resolve(got, Overlay{})
	if err != nil || !slices.Equal(again, want) {
		t.Errorf("resolving the result gives %q, %v", again, err)
	}
}

// TestPrecedence is the table of the package comment.
func TestPrecedence(t *testing.T) {
	command := func(s ...string) (list []Assignment) {
		for _, text := range s {
			a, err := ParseAssignment(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, a)
		}
		return list
	}
	first, second := mustFile(t, "first", "V=first"), mustFile(t, "second", "V=second\nW=second")
	spec := []pkgspec.EnvVar{set("V", lit("spec")), set("SEES", ref("V"))}
	search := []pkgspec.EnvVar{list("V", pkgspec.Value{lit("entry")})}
	tests := []struct {
		name    string
		spec    []pkgspec.EnvVar
		caller  []string
		over    Overlay
		v, sees string
	}{
		{name: "spec alone", spec: spec, v: "spec", sees: "spec"},
		{name: "spec over caller", spec: spec, caller: []string{"V=caller"}, v: "spec", sees: "spec"},
		{name: "file over spec", spec: spec, caller: []string{"V=caller"}, over: Overlay{Files: []File{first, second}}, v: "first", sees: "first"},
		{name: "command over file", spec: spec, over: Overlay{[]File{first}, command("V=a", "V=b")}, v: "b", sees: "b"},
		{name: "file alone", over: Overlay{Files: []File{second, first}}, v: "second"},
		{name: "caller over file", caller: []string{"V=caller"}, over: Overlay{Files: []File{first}}, v: "caller"},
		{name: "empty caller over file", caller: []string{"V="}, over: Overlay{Files: []File{first}}, v: ""},
		{name: "command over caller", caller: []string{"V=caller"}, over: Overlay{[]File{first}, command("V=c")}, v: "c"},
		{name: "search path keeps caller", spec: search, caller: []string{"V=caller"}, v: "entry:caller"},
		{name: "search path takes file", spec: search, caller: []string{"V=caller"}, over: Overlay{Files: []File{first}}, v: "entry:first"},
		{name: "search path takes command", spec: search, over: Overlay{[]File{first}, command("V=c:entry")}, v: "entry:c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustNew(t, nil, tt.spec).Resolve(tt.caller, tt.over)
			if err != nil {
				t.Fatal(err)
			}
			if state := split(got); state["V"] != tt.v || state["SEES"] != tt.sees {
				t.Errorf("V=%q SEES=%q, want %q and %q", state["V"], state["SEES"], tt.v, tt.sees)
			}
		})
	}
}

func TestPinned(t *testing.T) {
	e := sample(t)
	file := mustFile(t, ".env", "A=1\nPERL5LIB=/x\n")
	for _, over := range []Overlay{
		{Command: []Assignment{{Name: "PROJECT_BASE", Value: "/x"}}},
		{Files: []File{file}},
	} {
		_, err := e.Resolve(nil, over)
		var pinned *PinnedError
		if !errors.As(err, &pinned) {
			t.Errorf("%v: no PinnedError", err)
		}
	}
	if _, err := e.Resolve(nil, Overlay{Files: []File{file}}); err == nil || err.Error() != ".env:2: PERL5LIB is set by envbuild" {
		t.Errorf("%v", err)
	}
	got, err := e.Resolve(nil, Overlay{Command: []Assignment{{Name: "PERL5OPT", Value: "-MX"}, {Name: "PATH", Value: "/x"}}})
	if err != nil {
		t.Fatal(err)
	}
	if state := split(got); state["PERL5OPT"] != "-MX" || !strings.HasSuffix(state["PATH"], "/v/runtime/bin:/x") {
		t.Errorf("%q", got)
	}
}

func TestAssignments(t *testing.T) {
	over := Overlay{Command: []Assignment{{Name: "Z", Value: "z"}, {Name: "Y", Value: "y"}}}
	got, err := mustNew(t, []Var{Literals("GONE", Unset), Literals("ABSENT", Unset), Literals("B", Set, "b")},
		[]pkgspec.EnvVar{set("A", lit("a"))}).Assignments([]string{"GONE=1", "KEPT=1"}, over)
	want := []Assignment{{Name: "GONE", Unset: true}, {Name: "B", Value: "b"}, {Name: "A", Value: "a"}, {Name: "Y", Value: "y"}, {Name: "Z", Value: "z"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	value := func(parts ...pkgspec.Part) pkgspec.Value { return parts }
	tests := []struct {
		name string
		spec []pkgspec.EnvVar
		want string
	}{
		{"bad name", []pkgspec.EnvVar{set("A-B", lit("x"))}, `variable "A-B": a name is made of`},
		{"empty name", []pkgspec.EnvVar{set("", lit("x"))}, `variable "": a name`},
		{"digit", []pkgspec.EnvVar{set("1A", lit("x"))}, `variable "1A": a name`},
		{"shell's own", []pkgspec.EnvVar{set("UID", lit("0"))}, `variable "UID": shells set it themselves`},
		{"bash's own", []pkgspec.EnvVar{set("BASH_VERSINFO", lit("0"))}, `variable "BASH_VERSINFO": shells`},
		{"NUL", []pkgspec.EnvVar{set("A", lit("a\x00b"))}, "variable A: the value holds a NUL byte"},
		{"too long", []pkgspec.EnvVar{set("A", lit(strings.Repeat("x", maxAssignment)))}, "variable A: with its value it takes 131075 bytes"},
		{"bad reference", []pkgspec.EnvVar{set("A", ref("x y"))}, `variable "x y": a reference`},
		{"self reference", []pkgspec.EnvVar{set("A", ref("A"), lit(":x"))}, "variable A refers to itself"},
		{"later reference", []pkgspec.EnvVar{set("A", ref("B")), set("B", lit("x"))}, "variable A refers to B, which is assigned after it"},
		{"PATH before its last", []pkgspec.EnvVar{set("A", ref("PATH")), list("PATH", value(lit("/x")))}, "variable A refers to PATH"},
		{"colon", []pkgspec.EnvVar{list("A", value(lit("/x:/y")))}, `variable A: the entry "/x:/y" of a search path holds a colon`},
		{"bytes", []pkgspec.EnvVar{list("A", value(lit("/\xc3")))}, `variable A: the entry "/\xc3" of a search path is not UTF-8`},
		{"empty entry", []pkgspec.EnvVar{list("A", value())}, "variable A: an entry of a search path is empty"},
		{"no value", []pkgspec.EnvVar{{Name: "A"}}, "variable A: it has 0 values"},
		{"pinned", []pkgspec.EnvVar{set("PERL5LIB", lit("/x"))}, "envbuild.yaml: PERL5LIB is set by envbuild"},
		{"pinned scalar", []pkgspec.EnvVar{list("PROJECT_BASE", value(lit("/x")))}, "envbuild.yaml: PROJECT_BASE is set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(bundle("/b"), tt.spec)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := New(bundle("/b"), []pkgspec.EnvVar{set("PERL5OPT", lit("-w"))}); err != nil {
		t.Errorf("what the bundle only unsets: %v", err)
	}
}

func TestResolveRefuses(t *testing.T) {
	long := strings.Repeat("x", 70000)
	e := mustNew(t, nil, []pkgspec.EnvVar{set("A", lit(long)), set("B", ref("A"), ref("A"))})
	if _, err := e.Resolve(nil, Overlay{}); err == nil || !strings.HasPrefix(err.Error(), "variable B: with its value") {
		t.Errorf("too long by expansion: %v", err)
	}
	e = mustNew(t, bundle("/a:b"), []pkgspec.EnvVar{list("PERL5LIB", pkgspec.Value{ref("PROJECT_BASE")})})
	if _, err := e.RC("/x/env.rc"); err == nil || !strings.Contains(err.Error(), "holds a colon") {
		t.Errorf("colon by expansion: %v", err)
	}
}

func TestPrepend(t *testing.T) {
	tests := []struct{ entry, list, want string }{
		{"e", "", "e"}, {"e", "e", "e"}, {"e", "a:e:b:e", "e:a:b"}, {"e", "e:e:e", "e"}, {"", "a", "a"},
		{"e", ":a", "e::a"}, {"e", "a:", "e:a:"}, {"e", ":", "e::"}, {"e", "ee:e", "e:ee"}, {"e", "e:", "e"},
	}
	for _, tt := range tests {
		if got := prepend(tt.entry, tt.list); got != tt.want {
			t.Errorf("prepend(%q, %q) = %q, want %q", tt.entry, tt.list, got, tt.want)
		}
	}
}

func FuzzPrepend(f *testing.F) {
	f.Add("/a", "/b", "/b:/a:/c:/a")
	f.Add("*", "[", "::*:[")
	f.Fuzz(func(t *testing.T, first, second, list string) {
		if strings.Contains(first+second, ":") {
			return
		}
		once := prepend(first, prepend(second, list))
		if twice := prepend(first, prepend(second, once)); twice != once {
			t.Errorf("once %q, twice %q", once, twice)
		}
	})
}

func TestParseAssignment(t *testing.T) {
	if a, err := ParseAssignment("A=b=c"); err != nil || a != (Assignment{Name: "A", Value: "b=c"}) {
		t.Errorf("%v, %v", a, err)
	}
	for _, bad := range []string{"A", "", "=x", "A B=c", "A=\x00"} {
		if _, err := ParseAssignment(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
