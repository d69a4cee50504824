package perl

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

const someSpec = `name: some-application
runtime:
  perl: "~5.36"
  options: {threads: true, configure: ["-Accflags=-DNO_LOCALE -g"], patches: [patches/b.diff, patches/a.diff]}
dependencies:
  cpan:
    mirrors: [http://orepan.local/]
    build:
      DBD-mysql: {env: {DBD_MYSQL_CONFIG: mariadb_config, PERL_MM_USE_DEFAULT: "0"}, apt: [libmariadb-dev]}
`

func parseSpec(t *testing.T, dir, text string) *pkgspec.Spec {
	t.Helper()
	spec, err := pkgspec.Parse(filepath.Join(dir, "envbuild.yaml"), []byte(text), pkgspec.Perl())
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// someLock is a lock that fits someSpec.
func someLock() *pkgspec.Lock {
	return &pkgspec.Lock{
		Inputs: []pkgspec.LockInput{
			{Name: "patches/a.diff", SHA256: digest.Sum([]byte("a"))},
			{Name: "patches/b.diff", SHA256: digest.Sum([]byte("b"))},
		},
		Languages: []pkgspec.LanguageLock{{
			Language: "perl",
			Runtime:  pkgspec.RuntimePin{Version: "5.36.0", Sources: []pkgspec.SourcePin{{Path: "perl-5.36.0.tar.xz"}}},
			Distributions: []pkgspec.Pin{
				{
					Name: "DBD-mysql", Version: "4.050", CBytes: 7, Requires: []string{"DBI"},
					Sources:  []pkgspec.SourcePin{{Path: "D/DV/DVEEDEN/DBD-mysql-4.050.tar.gz"}},
					Provides: []pkgspec.Module{{Name: "Bundle::DBD::mysql", Version: "4.050"}, {Name: "DBD::mysql", Version: "4.050"}},
				},
				{
					Name: "DBI", Version: "1.643", Sources: []pkgspec.SourcePin{{Path: "T/TI/TIMB/DBI-1.643.tgz"}},
					Provides: []pkgspec.Module{{Name: "DBI", Version: "1.643"}, {Name: "DBI::Const", Version: "undef"}},
				},
				{
					Name: "XML-LibXML", Version: "2.0207", Sources: []pkgspec.SourcePin{{Path: "S/SH/SHLOMIF/XML-LibXML-2.0207.tar.gz"}},
					Provides: []pkgspec.Module{{Name: "XML::LibXML", Version: "2.0207"}},
				},
			},
		}},
	}
}

func TestSteps(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "patches/a.diff"), "a")
	writeFile(t, filepath.Join(dir, "patches/b.diff"), "b")
	steps, err := New().Steps(lang.StepsRequest{Spec: parseSpec(t, dir, someSpec), Lock: someLock()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.NewGraph(steps); err != nil {
		t.Errorf("the steps make no graph: %v", err)
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
	}
	if want := []string{"perl", "DBD-mysql", "DBI", "XML-LibXML"}; !slices.Equal(names, want) {
		t.Fatalf("steps %v, want %v", names, want)
	}
	checkRuntimeStep(t, &steps[0])
	checkDistributionStep(t, &steps[1])
	if steps[2].Shared != nil || variable(&steps[2], "SKIP_SAX_INSTALL") != "1" {
		t.Errorf("DBI may change %v", steps[2].Shared)
	}
	sax := plan.SharedFile{Path: "lib/perl5/XML/SAX/ParserDetails.ini", Rule: plan.MergeSections}
	if !slices.Contains(steps[3].Shared, sax) || variable(&steps[3], "SKIP_SAX_INSTALL") != "" {
		t.Errorf("XML-LibXML may change %v", steps[3].Shared)
	}
}

func checkRuntimeStep(t *testing.T, s *plan.Step) {
	t.Helper()
	var files []string
	for _, f := range s.Files {
		files = append(files, f.Name+"="+f.Content)
	}
	if want := []string{"patches/001-b.diff=b", "patches/002-a.diff=a"}; !slices.Equal(files, want) {
		t.Errorf("patches %q, want %q", files, want)
	}
	for _, want := range []string{
		"archive='perl-5.36.0.tar.xz'\n", "version='5.36.0'\n", "prefix='" + runtimePrefix + "'\n", "threads='yes'\n",
		"set -- '-Accflags=-DNO_LOCALE -g'\n",
	} {
		if !strings.Contains(s.Recipe.Script, want) {
			t.Errorf("the recipe of perl lacks %q", want)
		}
	}
	if s.Kind != plan.Runtime || len(s.Sources) != 1 || len(s.Deps) != 0 {
		t.Errorf("perl is %+v", s)
	}
}

func checkDistributionStep(t *testing.T, s *plan.Step) {
	t.Helper()
	if want := []string{"perl:perl@5.36.0", "cpan:DBI@1.643"}; !slices.Equal(s.Deps, want) {
		t.Errorf("it needs %v, want %v", s.Deps, want)
	}
	if !slices.Equal(s.SysPackages, []string{"libmariadb-dev"}) || s.CBytes != 7 || s.Kind != plan.Distribution {
		t.Errorf("DBD-mysql is %+v", s)
	}
	if v := variable(s, "DBD_MYSQL_CONFIG") + variable(s, "PERL_MM_USE_DEFAULT"); v != "mariadb_config0" {
		t.Errorf("the spec's variables are %q", v)
	}
	if !slices.Equal(s.Sources[0].Mirrors, []string{"http://orepan.local/"}) {
		t.Errorf("it comes from %v", s.Sources[0].Mirrors)
	}
}

// variable returns what a step's recipe sees of a variable.
func variable(s *plan.Step, name string) string {
	value := ""
	for _, v := range plan.Environ(s) {
		if v.Name == name {
			value = v.Value
		}
	}
	return value
}

func TestStepsErrors(t *testing.T) {
	const head = "name: some-application\nruntime:\n  perl: \"~5.36\"\n"
	for _, test := range []struct{ name, spec, err, hint string }{
		{
			"a distribution that isn't locked", head + "dependencies: {cpan: {build: {DBD-MySQL: {apt: [x1]}}}}\n",
			`envbuild.yaml:4:31: no distribution "DBD-MySQL" is in envbuild.lock`, `did you mean "DBD-mysql"?`,
		},
		{
			"one that nobody knows", head + "dependencies: {cpan: {build: {Some-Thing-Else: {apt: [x1]}}}}\n",
			`no distribution "Some-Thing-Else"`, "remove it",
		},
		{
			"another prefix", head + "  options: {configure: [-Dusedtrace, -Dprefix=/opt]}\n",
			`envbuild.yaml:4:38: perl's Configure can't be given "-Dprefix=/opt" here`, "-D, -U or -A",
		},
		{"a shared libperl", head + "  options: {configure: [-Aappend:useshrplib]}\n", "-Aappend:useshrplib", ""},
		{"no symbol", head + "  options: {configure: [-f]}\n", `"-f"`, ""},
		{"a patch that is absent", head + "  options: {patches: [c.diff]}\n", "envbuild.yaml:4:23: ", ""},
		{"a patch that changed", head + "  options: {patches: [patches/a.diff]}\n", "patches/a.diff changed since", "envbuild lock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "patches/a.diff"), "changed")
			_, err := New().Steps(lang.StepsRequest{Spec: parseSpec(t, dir, test.spec), Lock: someLock()})
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			checkHint(t, err, test.hint)
		})
	}
}

func checkHint(t *testing.T, err error, want string) {
	t.Helper()
	if !strings.Contains(hint.Of(err), want) {
		t.Errorf("the hint of %v lacks %q", err, want)
	}
}

func TestOldPerl(t *testing.T) {
	for version, ok := range map[string]bool{"5.14.4": false, "5.8.9": false, "5.16.0": true, "5.40.2": true} {
		lock := someLock()
		lock.Languages[0].Runtime.Version = version
		_, err := New().Steps(lang.StepsRequest{Spec: parseSpec(t, "", "name: some-application\nruntime: {perl: \"5\"}\n"), Lock: lock})
		var old *UnsupportedPerlError
		if ok != (err == nil) || !ok && !errors.As(err, &old) {
			t.Errorf("perl %s: %v", version, err)
		}
	}
}

func TestInstallRecord(t *testing.T) {
	pin := someLock().Language("perl").Distributions[1]
	text, err := installRecord(&pin)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"DBI","target":"DBI","version":"1.643","dist":"DBI-1.643","pathname":"T/TI/TIMB/DBI-1.643.tgz",` +
		`"provides":{"DBI":{"version":"1.643"},"DBI::Const":{}}}` + "\n"
	if text != want || !json.Valid([]byte(text)) {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestMainModule(t *testing.T) {
	for _, test := range []struct {
		name     string
		provides []string
		want     string
	}{
		{"Plack", []string{"HTTP::Message::PSGI", "Plack"}, "Plack"},
		{"HTTP-Message", []string{"HTTP", "HTTP::Message"}, "HTTP::Message"},
		{"libwww-perl", []string{"LWP::UserAgent", "LWP", "Net"}, "LWP"},
		{"Task-Foo", nil, "Task::Foo"},
	} {
		pin := pkgspec.Pin{Name: test.name}
		for _, p := range test.provides {
			pin.Provides = append(pin.Provides, pkgspec.Module{Name: p})
		}
		if got := mainModule(&pin); got != test.want {
			t.Errorf("%s is installed by %s, want %s", test.name, got, test.want)
		}
	}
}

// TestEnvironment runs a shell's idea of the environment: the bundle's programs
// come before perl's, and perl's before the caller's.
func TestEnvironment(t *testing.T) {
	vars := New().Environment(nil, nil)
	if vars[0].Name != "PATH" || !slices.Equal(vars[0].Values, []string{bundlePrefix + "/bin", runtimePrefix + "/bin"}) {
		t.Errorf("the first variable is %v", vars[0])
	}
	seen := map[string]bool{}
	for _, v := range vars {
		if seen[v.Name] {
			t.Errorf("%s is there twice", v.Name)
		}
		seen[v.Name] = true
	}
	if seen["PERL5OPT"] {
		t.Error("PERL5OPT is the caller's")
	}
}

func TestNearestName(t *testing.T) {
	known := []string{"DBD-SQLite", "DBI", "Plack", "JSON-XS"}
	for name, want := range map[string]string{"DBD-sqlite": "DBD-SQLite", "Plak": "Plack", "JSONXS": "JSON-XS", "Moo": "", "DB": "DBI"} {
		if got := nearestName(name, known); got != want {
			t.Errorf("%s is a slip of %q, want %q", name, got, want)
		}
	}
}

// TestArchives refuses locks that pin no archive of something, or several.
func TestArchives(t *testing.T) {
	spec := parseSpec(t, "", "name: some-application\nruntime: {perl: \"5\"}\n")
	for want, change := range map[string]func(*pkgspec.LanguageLock){
		"pins 0 archives of perl": func(ll *pkgspec.LanguageLock) { ll.Runtime.Sources = nil },
		"pins 0 archives of DBI":  func(ll *pkgspec.LanguageLock) { ll.Distributions[1].Sources = nil },
		"pins 2 archives of DBD-mysql": func(ll *pkgspec.LanguageLock) {
			ll.Distributions[0].Sources = append(ll.Distributions[0].Sources, ll.Distributions[1].Sources...)
		},
	} {
		lock := someLock()
		change(&lock.Languages[0])
		_, err := New().Steps(lang.StepsRequest{Spec: spec, Lock: lock})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
			continue
		}
		checkHint(t, err, "envbuild lock")
	}
}
