package pkgspec

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (go test -update writes it); got:\n%s", file, got)
	}
}

func readFull(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// testLanguages are one with sections of its own and one without.
func testLanguages() []Language {
	return []Language{Perl(), {Name: "toy", Ecosystems: []string{"npm"}, Example: ">=1"}}
}

func mustParse(t *testing.T, text string) *Spec {
	t.Helper()
	s, err := Parse("/project/envbuild.yaml", []byte(text), testLanguages()...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func lit(s string) Part { return Part{Literal: s} }
func ref(s string) Part { return Part{Ref: s} }

// fullCPAN is dependencies.cpan of testdata/full.yaml.
func fullCPAN() *CPAN {
	return &CPAN{
		Cpanfile: "deps/cpanfile", Without: []string{"develop"}, Features: []string{"sqlite"},
		Mirrors: []string{"http://orepan.local/", "https://cpan.metacpan.org/", "file:///srv/cpan", "../mirror"},
		Build: []BuildHelp{
			{
				Distribution: "DBD-mysql",
				Env:          []Literal{{"MYSQL_CONFIG", "/usr/bin/mysql_config"}, {"PRICE", "$5"}, {"N", "1.10"}},
				Apt:          []string{"libmariadb-dev"}, Needs: []string{"Devel::CheckLib"},
			},
			{Distribution: "Net-SSLeay", Env: []Literal{{"OPENSSL_PREFIX", "/usr"}}},
		},
	}
}

func TestParseFull(t *testing.T) {
	s := mustParse(t, string(readFull(t)))
	nfpm := s.Package.Nfpm
	cpan := s.CPAN()
	s.doc, s.Package.Nfpm, s.Dependencies = nil, nil, nil
	const defaultUser = "web-some-application"
	want := &Spec{
		File: "/project/envbuild.yaml", Dir: "/project",
		Name: "web-some-application", Version: Version{Literal: "1.10"},
		Maintainer:  "Ops Team <ops@example.org>",
		Description: "The web application of some project\nwhich says more about itself here.\n",
		Runtimes: []Runtime{{
			path:     []string{"runtime"},
			Language: "perl", Constraint: "5.36.3", As: AsPackage, Prefix: "/usr/local/perl/perl-5.36",
			Revision: 1, Maintainer: "Ops Team <ops@example.org>",
			Options: RuntimeOptions{
				Configure: []string{"-Accflags=-DNDEBUG"}, Patches: []string{"patches/x.diff"}, Threads: true,
				Source: "https://www.cpan.org/src/5.0/perl-5.36.3.tar.xz",
				SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			},
		}},
		App: &App{Files: []string{"lib", "script", "public", "*.psgi"}, Exclude: []string{"**/*.t"}, Base: "/srv/some-application"},
		Env: []EnvVar{
			{Name: "PLACK_PORT", Values: []Value{{lit("5555")}}},
			{Name: "DEBUG", Values: []Value{{lit("true")}}},
			{Name: "EMPTY", Values: []Value{nil}},
			{Name: "URL", Values: []Value{{lit("http://localhost:"), ref("PLACK_PORT"), lit("/$x")}}},
			{Name: "PERL5LIB", List: true, Values: []Value{{ref("PROJECT_BASE"), lit("/lib")}, {ref("HOME"), lit("/lib")}}},
		},
		EnvFiles: []string{".env", "../.env"},
		Services: []Service{
			{
				Name: "web", Run: []Value{{lit("script/web")}, {lit("--port")}, {ref("PLACK_PORT")}, {ref("MODE")}},
				Listen: Value{ref("PLACK_PORT")}, Hot: &Hot{Interval: 20, Signal: "TERM"}, User: "webapp", Group: "www-data",
				Env: []EnvVar{
					{Name: "PLACK_ENV", Values: []Value{{lit("production")}}},
					{Name: "MODE", Values: []Value{{ref("PLACK_ENV")}}},
				},
				Restart: RestartAlways, Instances: 1,
			},
			{Name: "worker", Run: []Value{{lit("script/worker")}}, Restart: RestartOnFailure, Instances: 2, User: defaultUser, Group: defaultUser},
			{Name: "nightly", Run: []Value{{lit("script/report")}}, Restart: RestartNo, Instances: 1, Schedule: "daily", User: defaultUser, Group: defaultUser},
		},
		ServicesFormat: []ServiceFormat{Systemd, Runit},
		Package:        Package{Prefix: "/srv/web", Revision: 2, Releases: 3, Depends: []string{"nginx", "libc6 (>= 2.36)", "a1 | b1:any"}, Unchecked: []string{"/srv/web/app/vendor/**", "/etc/x"}},
		Publish: []PublishTarget{
			{Name: "internal", Where: DirTarget("/srv/apt"), Distribution: "bookworm", Component: "main", Sign: []SignKey{{GPG: "ops@example.org"}}},
			{Name: "local", Where: DirTarget("out/apt"), Distribution: "bookworm", Component: "main", Sign: []SignKey{{Key: "out/apt.asc"}}, Create: &CreateRepository{Key: true}},
			{
				Name: "bucket", Distribution: "bookworm", Component: "contrib", Sign: []SignKey{{Key: "old.asc"}, {Command: []string{"kms-sign", "new"}}},
				Where: S3Target{Bucket: "apt-example", Prefix: "debian/internal", Endpoint: "https://s3.example.org:9000", Region: "eu-central-1"},
				Create: &CreateRepository{
					Architectures: []string{"amd64", "arm64"}, Origin: "Example", Label: "Internal", Description: "Ours",
					URL: "https://apt.example.org/", Contents: true,
				},
			},
			{Name: "host", Distribution: "bookworm", Component: "main", Where: SSHTarget{User: "deploy", Host: "apt.example.org", Path: "/srv/apt"}},
			{Name: "other-host", Distribution: "bookworm", Component: "main", Where: SSHTarget{User: "deploy", Host: "fe80::1", Port: 2222, Path: "apt"}},
			{Name: "aptly", Distribution: "bookworm", Sign: []SignKey{{GPG: "0x1234"}}, Where: AptlyTarget{URL: "https://aptly.example.org", Repo: "internal", Prefix: "debian"}},
			{
				Name: "gitea", Distribution: "bookworm", Component: "main",
				Where: HTTPTarget{
					Method: "PUT", URL: Value{lit("https://git.example.org/api/packages/ops/debian/pool/"), ref("distribution"), lit("/"), ref("component"), lit("/upload")},
					Download: Value{lit("https://git.example.org/api/packages/ops/debian/pool/"), ref("distribution"), lit("/"), ref("component"), lit("/"), ref("file")},
					Headers:  []TemplateVar{{Name: "X-Checksum-Sha256", Value: Value{ref("sha256")}}},
					Auth:     HTTPAuth{Kind: AuthHeader, Header: "Authorization", Scheme: "token"},
				},
			},
			{
				Name: "form", Component: "main",
				Where: HTTPTarget{
					Method: "POST", URL: Value{lit("https://apt.example.org/upload")}, Auth: HTTPAuth{Kind: AuthAuto},
					Form: &HTTPForm{File: "package[file]", Fields: []TemplateVar{{Name: "package[version]", Value: Value{ref("version")}}}},
				},
			},
		},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got\n%+v\nwant\n%+v", s, want)
	}
	const yaml = `{"section": "web", "contents": [{"src": "etc/app.conf", "dst": "/etc/app.conf", "type": "config", ` +
		`"file_info": {"mode": 0644}}], "deb": {"fields": {"X-Url": "https://example.org"}}}` + "\n"
	if got := string(nfpm.YAML()); got != yaml {
		t.Errorf("nfpm's keys are\n%s", got)
	}
	if !reflect.DeepEqual(cpan, fullCPAN()) {
		t.Errorf("cpan is %+v", cpan)
	}
}

const minimal = "name: app\nruntime: {perl: \"~5.36\"}\n"

func TestParseDefaults(t *testing.T) {
	s := mustParse(t, minimal+"dependencies: {cpan: {}}\napp:\nenv:\nservices: {web: {run: [x], listen: 80, hot: {}}}\n")
	if want := (Package{Prefix: "/opt/app", Revision: 1}); !reflect.DeepEqual(s.Package, want) {
		t.Errorf("package is %+v", s.Package)
	}
	if want := (&CPAN{Cpanfile: "cpanfile", Without: []string{"develop", "test"}}); !reflect.DeepEqual(s.CPAN(), want) {
		t.Errorf("cpan is %+v", s.CPAN())
	}
	if s.Runtimes[0].As != AsBundled || !reflect.DeepEqual(s.ServicesFormat, []ServiceFormat{Systemd}) {
		t.Errorf("as %q, formats %q", s.Runtimes[0].As, s.ServicesFormat)
	}
	if s.App == nil || s.Services[0].Hot.Interval != 10 || s.Services[0].Instances != 1 {
		t.Errorf("app %v, service %+v", s.App, s.Services[0])
	}
	if s := mustParse(t, minimal+"version: {git: describe}\n"); s.Version != (Version{Git: GitDescribe}) || s.CPAN() != nil || s.App != nil {
		t.Errorf("version %+v, cpan %v, app %v", s.Version, s.CPAN(), s.App)
	}
}

func TestParseKeepsVersionsAsWritten(t *testing.T) {
	for _, v := range []string{"1.10", "10", "1.0e5", "2.0~rc1", "1.4.0-3-gabcdef", "20240131"} {
		if s := mustParse(t, minimal+"version: "+v+"\n"); s.Version.Literal != v {
			t.Errorf("%s became %s", v, s.Version.Literal)
		}
	}
	if s := mustParse(t, "name: app\nruntime: {perl: 5.40}\n"); s.Runtimes[0].Constraint != "5.40" {
		t.Errorf("5.40 became %s", s.Runtimes[0].Constraint)
	}
}

func TestParseForms(t *testing.T) {
	lf := string(readFull(t))
	want := mustParse(t, lf)
	for name, text := range map[string]string{
		"CRLF":               strings.ReplaceAll(lf, "\n", "\r\n"),
		"byte order mark":    "\ufeff" + lf,
		"document marker":    "---\n" + lf,
		"comments":           "# first\n" + strings.ReplaceAll(lf, "\n\n", "\n# between\n\n"),
		"no newline at end":  strings.TrimSuffix(lf, "\n"),
		"blank lines at end": lf + "\n\n",
	} {
		s := mustParse(t, text)
		if s.CPANInput() != want.CPANInput() || s.RuntimeInput("perl") != want.RuntimeInput("perl") ||
			!reflect.DeepEqual(s.Services, want.Services) || s.Description != want.Description {
			t.Errorf("%s: another spec", name)
		}
	}
}

// render writes errors as the command shows them.
func render(err error) string {
	var b strings.Builder
	var list Errors
	if !errors.As(err, &list) {
		return fmt.Sprintf("expected Errors, got %T: %v\n", err, err)
	}
	for _, e := range list {
		fmt.Fprintf(&b, "%v\n", e)
		if c := e.Caret(); c != "" {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(c, "\n", "\n    "))
		}
		if e.Hint() != "" {
			fmt.Fprintf(&b, "  hint: %s\n", e.Hint())
		}
	}
	return b.String()
}

func TestBadSpecs(t *testing.T) {
	var b strings.Builder
	for _, c := range badSpecs() {
		text := c.text
		if !c.whole {
			text = minimal + text
		}
		_, err := Parse("envbuild.yaml", []byte(text), testLanguages()...)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		fmt.Fprintf(&b, "== %s\n%s", c.name, render(err))
	}
	golden(t, "bad.golden", []byte(b.String()))
}

func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	for _, c := range badSpecs() {
		if len(c.text) < 1000 {
			f.Add([]byte(minimal + c.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("envbuild.yaml", data, testLanguages()...)
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 {
				t.Fatalf("expected Errors, got %T", err)
			}
			for _, e := range list {
				if e.Message == "" || e.Line > strings.Count(string(data), "\n")+1 {
					t.Errorf("bad error %+v", e)
				}
				_ = e.Caret()
			}
			return
		}
		for _, v := range s.Env {
			for _, value := range v.Values {
				if again, p := parseValue(value.String()); p.message != "" || !reflect.DeepEqual(again, value) {
					t.Errorf("%q became %q: %s", value, again, p.message)
				}
			}
		}
		s.RuntimeInput("perl")
		s.CPANInput()
	})
}
