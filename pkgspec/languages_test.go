package pkgspec

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSeveralLanguages(t *testing.T) {
	s := mustParse(t, `name: app
runtime:
  toy: {version: ^22, build_only: true, strip: true, options: {a: [b]}}
  perl: "~5.36"
  strip: false
dependencies:
  npm: {lock: package-lock.json}
  cpan: {}
`)
	if len(s.Runtimes) != 2 || s.Runtimes[0].Language != "toy" || s.Runtimes[1].Language != "perl" {
		t.Fatalf("runtimes are %+v", s.Runtimes)
	}
	toy, perl := s.Runtime("toy"), s.Runtime("perl")
	if toy.Constraint != "^22" || !toy.BuildOnly || !toy.Strip || toy.As != AsBundled || toy.Revision != 1 {
		t.Errorf("toy is %+v", toy)
	}
	if perl.Constraint != "~5.36" || perl.BuildOnly || perl.Strip || perl.As != AsBundled || perl.Revision != 1 {
		t.Errorf("perl is %+v", perl)
	}
	if s.CPAN() == nil || s.Ecosystem("npm").Section.Get("lock").Text != "package-lock.json" || s.Ecosystem("gem") != nil {
		t.Errorf("dependencies are %+v", s.Dependencies)
	}
	for _, c := range []struct {
		path []string
		want string
	}{
		{toy.Path(), "3:18"}, {toy.Path("options", "a", "0"), "3:68"}, {perl.Path(), "4:9"},
	} {
		if e := s.ErrorAt("m", "", c.path...); e.Error() != "/project/envbuild.yaml:"+c.want+": m" {
			t.Errorf("%q is at %v", c.path, e)
		}
	}
	one := mustParse(t, "name: app\nruntime: {perl: 5, as: package}\n")
	if r := one.SharedRuntime(); r == nil || r.Language != "perl" || one.Runtime("toy") != nil || s.SharedRuntime() != nil {
		t.Errorf("the shared runtime is %+v", r)
	}
	if got, want := strings.Join(one.Runtimes[0].Path("as"), "."), "runtime.as"; got != want {
		t.Errorf("as stands at %s", got)
	}
	nested := mustParse(t, "name: app\nruntime: {perl: {version: 5, as: package, prefix: /usr/local/p}}\n")
	if r := nested.SharedRuntime(); r == nil || r.Prefix != "/usr/local/p" || strings.Join(r.Path("prefix"), ".") != "runtime.perl.prefix" {
		t.Errorf("the runtime is %+v", r)
	}
}

func TestLanguageChecksItsSections(t *testing.T) {
	type read struct {
		file   string
		hosts  []string
		strict bool
		names  []string
	}
	var got read
	toy := Language{Name: "toy", Ecosystems: []string{"toys"}, Example: ">=1", Check: func(s *Spec) error {
		section := s.Section("dependencies", "toys")
		got = read{
			file: section.File("lock", "toys.lock"), hosts: section.Texts("hosts"), strict: section.Bool("strict", true),
		}
		help := section.Map("help")
		got.names = help.Keys()
		section.Done()
		if got.file == "bad" {
			section.Fail("lock", "must be good", "write good")
		}
		return section.Err()
	}}
	text := "name: app\nruntime: {toy: 1}\ndependencies:\n  toys: "
	if _, err := Parse("x", []byte(text+"{lock: a/b, hosts: [c, d], strict: false, help: {e: 1, f: 2}}\n"), toy); err != nil {
		t.Fatal(err)
	}
	if got.file != "a/b" || !slices.Equal(got.hosts, []string{"c", "d"}) || got.strict || !slices.Equal(got.names, []string{"e", "f"}) {
		t.Errorf("read %+v", got)
	}
	if _, err := Parse("x", []byte("name: app\nruntime: {toy: 1}\n"), toy); err != nil || got.file != "toys.lock" || !got.strict {
		t.Errorf("without the section: %+v, %v", got, err)
	}
	for section, want := range map[string]string{
		"{lock: bad}":            `x:4:16: dependencies.toys.lock: must be good`,
		"{lock: /etc/x}":         `x:4:16: dependencies.toys.lock: "/etc/x" is not a path inside the project`,
		"{hosts: a}":             `x:4:17: dependencies.toys.hosts: expected a list, got the string "a"`,
		"{loc: a}":               `x:4:10: unknown key "loc" in dependencies.toys`,
		"[a]":                    `x:4:9: dependencies.toys: expected a map, got a list`,
		"{help: a, strict: yes}": `x:4:16: dependencies.toys.help: expected a map, got the string "a"`,
	} {
		_, err := Parse("x", []byte(text+section+"\n"), toy)
		var errs Errors
		if !errors.As(err, &errs) || errs[0].Error() != want {
			t.Errorf("%s: %v", section, err)
		}
	}
}
