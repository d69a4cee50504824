package perl

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const goodSnapshot = `# carton snapshot format: version 1.0
DISTRIBUTIONS
  Foo-1.0
    pathname: A/AU/AUTHOR/sub/Foo-1.0.tgz
    provides:
      Foo 1.0
      Foo::Undef undef
      Foo::None
    requirements:
      ExtUtils::MakeMaker
      Bar >= 0, != 6.04, != 6.05
      perl 5.008001
  Bar-v1.2.3
    pathname: B/BA/BAR/Bar-v1.2.3.tar.bz2
    provides:
      Bar v1.2.3
    requirements:
      Carp undef
`

func TestSnapshot(t *testing.T) {
	for name, src := range map[string]string{"lf": goodSnapshot, "crlf": strings.ReplaceAll(goodSnapshot, "\n", "\r\n")} {
		got, err := parseSnapshot("cpanfile.snapshot", []byte(src))
		if err != nil || len(got) != 2 {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		foo := got[0]
		if foo.pathname != "A/AU/AUTHOR/sub/Foo-1.0.tgz" || fmt.Sprint(foo.provides) != "[{Foo 1.0} {Foo::Undef undef} {Foo::None undef}]" {
			t.Errorf("%s: %+v", name, foo)
		}
		if s := fmt.Sprint(foo.requirements); s != "[ExtUtils::MakeMaker Bar >= 0, != 6.04, != 6.05 perl 5.008001]" {
			t.Errorf("%s: %s", name, s)
		}
		if r := got[1].requirements[0]; r.module != "Carp" || !r.rng.any() {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func TestSnapshotErrors(t *testing.T) {
	const head = snapshotHeader + "\nDISTRIBUTIONS\n"
	for src, want := range map[string]string{
		"":                           "cpanfile.snapshot:1: the file is empty",
		"hello":                      `cpanfile.snapshot:1: the first line is not "# carton snapshot format: version 1.0"`,
		snapshotHeader + "\n  Foo-1": `cpanfile.snapshot:2: expected DISTRIBUTIONS, got "Foo-1"`,
		head + "  Foo-1\n  Bar-1\n":  "cpanfile.snapshot:4: the distribution of line 3 has no pathname",
		head + "  Foo-1\n":           "cpanfile.snapshot:3: the distribution of line 3 has no pathname",
		head + "  Foo-1\n    pathname: ../../etc/x.tgz":   `cpanfile.snapshot:4: "../../etc/x.tgz" is not a path below a mirror's authors/id, such as M/MI/MIYAGAWA/Plack-1.0050.tar.gz`,
		head + "  Foo-1\n    pathname: A/AU/AUTHOR/x.txt": `cpanfile.snapshot:4: "A/AU/AUTHOR/x.txt" is not an archive: expected a name that ends in one of .tar.bz2 .tar.gz .tar.xz .tbz2 .tgz .txz .tar .zip`,
		head + "  Foo-1\n    frob: x":                     `cpanfile.snapshot:4: expected pathname, provides or requirements, got "frob: x"`,
		head + "  Foo-1\n      Foo 1":                     `cpanfile.snapshot:4: "Foo 1" is not in a list`,
		head + "  Foo-1\n     Foo 1":                      `cpanfile.snapshot:4: unexpected "Foo 1" with 5 spaces before it`,
		head + "<<<<<<< HEAD\n":                           "cpanfile.snapshot:3: the file contains an unresolved merge conflict",
		head + "  Foo-1\n    pathname: A/AU/AUTHOR/Foo-1.tar.gz\n    requirements:\n      X a": `cpanfile.snapshot:6: version requirement "a": version "a": 'a' is neither a digit nor a dot`,
	} {
		_, err := parseSnapshot("cpanfile.snapshot", []byte(src))
		var s *SyntaxError
		if err == nil || err.Error() != want || !errors.As(err, &s) || s.Hint() == "" {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(goodSnapshot))
	f.Add([]byte(snapshotHeader + "\r\nDISTRIBUTIONS\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dists, err := parseSnapshot("cpanfile.snapshot", data)
		var s *SyntaxError
		if err != nil && !errors.As(err, &s) {
			t.Errorf("error %T %v", err, err)
		}
		if err != nil && dists != nil && !errors.As(err, &s) {
			t.Errorf("%v with an error", dists)
		}
		for _, d := range dists {
			if err == nil && checkPathname(d.pathname) != nil {
				t.Errorf("pathname %q", d.pathname)
			}
		}
	})
}

func TestDistName(t *testing.T) {
	for pathname, want := range map[string]string{
		"M/MI/MIYAGAWA/Plack-1.0050.tar.gz":        "Plack 1.0050",
		"M/MU/MUIR/modules/Text-Tabs+Wrap-1.5.tgz": "Text-Tabs+Wrap 1.5",
		"O/OA/OALDERS/libwww-perl-6.67.tar.gz":     "libwww-perl 6.67",
		"A/AU/AUTHOR/Foo-v1.2.3.tar.bz2":           "Foo v1.2.3",
		"A/AU/AUTHOR/Foo-1.0-TRIAL.tar.gz":         "Foo 1.0-TRIAL",
		"A/AU/AUTHOR/Foo-Bar-0.03-1.tar.gz":        "Foo-Bar 0.03-1",
		"A/AU/AUTHOR/Encode-JIS2K-0.03.zip":        "Encode-JIS2K 0.03",
		"A/AU/AUTHOR/CGI.pm-3.63.tar.gz":           "CGI 3.63",
		"A/AU/AUTHOR/Task-Thing5_14-1.00.tar.gz":   "Task-Thing5_14 1.00",
		"A/AU/AUTHOR/IO-stringy.tar.gz":            "IO-stringy ",
		"A/AU/AUTHOR/mod_perl-2.0.12.tar.gz":       "mod_perl 2.0.12",
		"A/AU/AUTHOR/libao-perl_0.03.tar.gz":       "libao-perl 0.03",
		"A/AU/AUTHOR/common-sense-3.75.tar.gz":     "common-sense 3.75",
		"S/SH/SHAY/perl-5.36.0.tar.gz":             "perl 5.36.0",
	} {
		name, version := distName(pathname)
		if got := name + " " + version; got != want {
			t.Errorf("distName(%q) = %q, want %q", pathname, got, want)
		}
	}
}

func FuzzDistName(f *testing.F) {
	f.Add("A/AU/AUTHOR/Foo-Bar-0.03-1.tar.gz")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, pathname string) {
		if name, _ := distName(pathname); name == "" && checkPathname(pathname) == nil && !strings.Contains(pathname, "/.") {
			t.Errorf("%q has no name", pathname)
		}
	})
}
