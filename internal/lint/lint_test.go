package main

import (
	"slices"
	"testing"
)

// found lists the texts that rules object to.
func found(rules []rule, path, text string) []string {
	var texts []string
	for _, r := range rules {
		if !r.covers(path) {
			continue
		}
		for _, f := range r.check(path, text) {
			texts = append(texts, f.text)
		}
	}
	return texts
}

func TestVocabulary(t *testing.T) {
	for _, test := range []struct {
		path, text string
		want       []string
	}{
		{"a.go", `"%q is no name of a variable"`, []string{"is no name"}},
		{"a.go", "// a path that is\n\t// no directory", []string{"is // no directory"}},
		{"a.sh", "# these are no\n# links", []string{"are no # links"}},
		{"a.go", "// Is no file", []string{"Is no file"}},
		{"a.go", `"%q is no %s"`, []string{"is no %s"}},
		{"docs/a.md", "There is no lock. Here there are no files; is there no way?", nil},
		{"docs/a.md", "where there\nis no lock", nil},
		{"a.go", "// it is no longer here, is no more than a hint, are no smaller than gzip's", nil},
		{"a.go", "// this is not a file; is now; is noted", nil},
		{"a.go", "// nil if there is none", nil},
		{"a.go", `"an escape that is none"`, []string{"is none"}},
		{"a.go", `"x is none of a, b"`, []string{"is none"}},
		{"a.go", `p + " is in the way: move it"`, []string{"is in the way"}},
		{"a.go", "// compressed in the way that dpkg reads", nil},
		{"a.go", "// somebody was faster", []string{"somebody was faster"}},
		{"a.go", "func subFolders() {}", []string{"Folder"}},
		{"docs/server.md", "the folder", []string{"folder"}},
		{"README.md", "the folder", nil},
		{"README.md", "it is no folder", []string{"is no folder"}},
		{"Makefile", "# the folder", []string{"folder"}},
		{".ci/setup", "# the folder", []string{"folder"}},
		{"testdata/a.png", "is no picture", nil},
		{"internal/lint/vocabulary.go", "is no word", nil},
	} {
		if got := found(vocabulary(), test.path, test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q: got %q, want %q", test.path, test.text, got, test.want)
		}
	}
}

func TestLanguages(t *testing.T) {
	for _, test := range []struct {
		path, text string
		want       []string
	}{
		{"build/run.go", "package build // runs perl", []string{"perl"}},
		{"build/run.go", `import "x/build/lang/perl"; perlPath, libPerl, PERL5LIB`, []string{"perl", "perlPath", "libPerl", "PERL"}},
		{"build/run.go", "cpanfile, Carton, start_server, Server::Starter", []string{"cpan", "Carton", "start_server", "Server::Starter"}},
		{"build/run.go", "properly, improperly, superlinear", nil},
		{"build/lang/lang.go", "as perl does", []string{"perl"}},
		{"build/lang/perl/lock.go", "as perl does", nil},
		{"pkgspec/perl.go", "perl", nil},
		{"pkgspec/spec.go", "perl", []string{"perl"}},
		{"pkgspec/spec_test.go", "perl", nil},
		{"internal/cpantest/maker.go", "cpan", nil},
		{"env/testdata/a.tmpl", "perl", nil},
		{"templates/env.sh.tmpl", "perl", []string{"perl"}},
		{"docs/server.md", "perl", nil},
	} {
		if got := found(languages(), test.path, test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q: got %q, want %q", test.path, test.text, got, test.want)
		}
	}
}

func TestBoundaries(t *testing.T) {
	for _, test := range []struct {
		path, text string
		want       []string
	}{
		{"deb/a.go", `os.ReadFile("/etc/os-release")`, []string{`"/etc/os-release`}},
		{"deb/a.go", `filepath.Join(root, "var/lib/dpkg/status")`, []string{`"var/lib/dpkg`}},
		{"deb/a_test.go", `os.ReadFile("/etc/os-release")`, nil},
		{"deploy/a.go", `exec.LookPath("xz"); dpkg.Open(dir)`, []string{"exec.LookPath(", "dpkg.Open("}},
		{"deploy/a.go", `system.Open("/"); system.Open(dir)`, []string{`system.Open("/")`}},
		{"internal/system/a.go", `os.ReadFile("/etc/os-release")`, nil},
		{"internal/dpkg/a.go", `os.ReadFile("/var/lib/dpkg/status")`, nil},
		{"build/a.go", "func f(s *store.Store)", []string{"store.Store"}},
		{"build/a.go", "func f(a *store.Action)", nil},
		{"project/a.go", "func f(s *store.Store)", nil},
		{"build/a.go", "err.(interface{ Hint() string })", []string{"interface{ Hint() string"}},
		{"internal/hint/a.go", "err.(interface{ Hint() string })", nil},
	} {
		if got := found(boundaries(), test.path, test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q: got %q, want %q", test.path, test.text, got, test.want)
		}
	}
}

func TestExceptions(t *testing.T) {
	list, err := parseExceptions("list", "# why\n\na.go its reason\nb.go another\n")
	if err != nil {
		t.Fatal(err)
	}
	got := list.filter([]finding{{path: "a.go", line: 1}, {path: "c.go", line: 2}, {path: "a.go", line: 3}})
	if len(got) != 2 || got[0].path != "c.go" || got[1].path != "list" || got[1].line != 4 || got[1].text != "b.go" {
		t.Errorf("got %v", got)
	}
	for _, text := range []string{"a.go\n", "a.go why\na.go why\n"} {
		if _, err := parseExceptions("list", text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
