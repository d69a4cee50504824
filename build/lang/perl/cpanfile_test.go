package perl

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// dump writes a cpanfile one requirement a line.
func (c *cpanfile) dump() string {
	var b strings.Builder
	for _, r := range c.requirements {
		fmt.Fprintf(&b, "%s %s %s %s", r.phase, r.relation, r.module, r.rng)
		for _, o := range []struct{ name, value string }{
			{"feature", r.feature}, {"dist", r.dist}, {"url", r.url}, {"mirror", r.mirror}, {"git", r.git},
		} {
			if o.value != "" {
				fmt.Fprintf(&b, " %s=%s", o.name, o.value)
			}
		}
		b.WriteByte('\n')
	}
	for _, m := range c.mirrors {
		fmt.Fprintf(&b, "mirror %s\n", m)
	}
	return b.String()
}

// plainCpanfile uses everything that is read statically. Perl must read it alike.
const plainCpanfile = `use strict; use warnings;
# a comment; requires 'Not::This';
requires 'perl', '5.008001';
requires "Plack", '1.0';   requires Moo => 2.0;
requires('A::B', '>= 1, < 2, != 1.5');
requires q(Q::One), q{1.1};
requires qq[Q::Two] => '==0.116',;
requires 'Dotted', v1.2.3;
requires 'Opt', '1', dist => 'A/AU/AUTHOR/Opt-1.tar.gz', mirror => 'http://m.example/';
requires 'NoVersion', url => 'https://x.example/NoVersion-1.tar.gz';
recommends 'R', 0; suggests 'S'; conflicts 'C', '< 3';

=head1 requires 'In::Pod';

requires 'In::Pod';

=cut

on 'test' => sub {
    requires 'Test::More', 0.98;
    recommends 'Test::R';
};
on develop => sub { requires 'Dev' };
on('configure', sub { requires 'Conf'; });
configure_requires 'C1'; build_requires 'B1', 1; test_requires 'T1'; author_requires 'D1';
feature 'sqlite', 'A database' => sub {
    requires 'DBD::SQLite';
    on test => sub { requires 'Test::DB' };
};
feature web => sub { requires 'Web' };
mirror 'http://cpan.example/';
1;
__END__
requires 'After::End';
`

const plainDump = `runtime requires perl 5.008001
runtime requires Plack 1.0
runtime requires Moo 2.0
runtime requires A::B >= 1, < 2, != 1.5
runtime requires Q::One 1.1
runtime requires Q::Two ==0.116
runtime requires Dotted v1.2.3
runtime requires Opt 1 dist=A/AU/AUTHOR/Opt-1.tar.gz mirror=http://m.example/
runtime requires NoVersion 0 url=https://x.example/NoVersion-1.tar.gz
runtime recommends R 0
runtime suggests S 0
runtime conflicts C < 3
test requires Test::More 0.98
test recommends Test::R 0
develop requires Dev 0
configure requires Conf 0
configure requires C1 0
build requires B1 1
test requires T1 0
develop requires D1 0
runtime requires DBD::SQLite 0 feature=sqlite
test requires Test::DB 0 feature=sqlite
runtime requires Web 0 feature=web
mirror http://cpan.example/
`

func TestCpanfile(t *testing.T) {
	for name, src := range map[string]string{"lf": plainCpanfile, "crlf": strings.ReplaceAll(plainCpanfile, "\n", "\r\n")} {
		got, err := parseCpanfile("cpanfile", []byte(src))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.dump() != plainDump {
			t.Errorf("%s:\n%s", name, got.dump())
		}
	}
}

// TestCpanfileScriptAgreesWithParser runs the same file with perl.
func TestCpanfileScriptAgreesWithParser(t *testing.T) {
	got, err := decodeCpanfile("cpanfile", runPerl(t, cpanfileScript, []byte(plainCpanfile)))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(plainDump, "Moo 2.0\n", "Moo 2\n", 1) // perl's numbers forget their zeros
	if got.dump() != want {
		t.Errorf("perl reads\n%s\nwant\n%s", got.dump(), want)
	}
}

func TestCpanfileScript(t *testing.T) {
	for _, test := range []struct{ src, want, err string }{
		{"requires $_ for qw(A B);", "runtime requires A 0\nruntime requires B 0\n", ""},
		{"print 'noise'; requires 'A' if 1; requires 'B' if 0;", "runtime requires A 0\n", ""},
		{"requires 'A';\n__END__\nxx", "runtime requires A 0\n", ""},
		{"requires 'A', v1.2;", "runtime requires A v1.2\n", ""},
		{"\n\ndie 'no';", "", "cpanfile:3: perl says: no"},
		{"my $x = ;\n", "", "cpanfile:1: perl says: syntax error"},
		{"\nrequires 'A', 'x.y';", "", `cpanfile:2: A: version requirement "x.y": version "x.y": 'x' is neither a digit nor a dot`},
		{"requires 'A', 1, frob => 2;", "", `cpanfile:1: unknown option "frob" of A`},
		{"on nonsense => sub { requires 'A' };", "", `cpanfile:1: unknown phase "nonsense"`},
	} {
		got, err := decodeCpanfile("cpanfile", runPerl(t, cpanfileScript, []byte(test.src)))
		checkError(t, err, test.err, "")
		if err == nil && got.dump() != test.want {
			t.Errorf("%s:\n%s", test.src, got.dump())
		}
	}
}

func TestCpanfileThatIsAProgram(t *testing.T) {
	for src, want := range map[string]string{
		"requires 'A' if $^O eq 'linux';":          `1:14 "if"`,
		"requires 'A'\n  unless $x;":               `2:3 "unless"`,
		"my $x = 1;":                               `1:1 "my"`,
		"requires \"A$x\";":                        "1:10 \"\"A$\"",
		"for (qw(A B)) { requires $_ }":            `1:1 "for"`,
		"requires 'A' . 'B';":                      `1:14 "."`,
		"use Foo;":                                 `1:5 "Foo"`,
		"on test => sub { if (1) { } };":           `1:18 "if"`,
		"requires 'A', foo();":                     `1:15 "foo"`,
		"requires Foo::Bar;":                       `1:10 "Foo::Bar"`,
		"requires 'open":                           `1:10 "'open"`,
		"requires 'A' requires 'B';":               `1:14 "requires"`,
		"on test => \\&block;":                     `1:12 "\"`,
		"requires 'A'; }":                          `1:15 "}"`,
		"on test => sub { requires 'A';":           `1:31 the end of the file`,
		"requires 'ÄÖ', 1, x => 2; requires 'A' x": "",
		"": "",
	} {
		_, err := parseCpanfile("cpanfile", []byte(src))
		var p *programError
		if want == "" {
			if errors.As(err, &p) {
				t.Errorf("%q: %v", src, err)
			}
			continue
		}
		if !errors.As(err, &p) {
			t.Errorf("%q: error %v", src, err)
		} else if got := fmt.Sprintf("%d:%d %s", p.place.line, p.place.col, p.construct); got != want {
			t.Errorf("%q: %s, want %s", src, got, want)
		}
	}
}

func TestCpanfileMistakes(t *testing.T) {
	for src, want := range map[string]string{
		"requires 'Foo-Bar';":                       `cpanfile:1:10: "Foo-Bar" is not a valid module name`,
		"\n requires 'Foo', 'abc';":                 `cpanfile:2:11: Foo: version requirement "abc": version "abc": 'a' is neither a digit nor a dot`,
		"on later => sub { };":                      `cpanfile:1:4: unknown phase "later"`,
		"requires 'A', 1, frob => 'x';":             `cpanfile:1:18: unknown option "frob" of A`,
		"requires 'A', '>= 1,';":                    `cpanfile:1:10: A: version requirement ">= 1,": a version is missing`,
		"feature a => sub { feature b => sub {} };": `cpanfile:1:28: feature "b" is inside feature "a"`,
	} {
		_, err := parseCpanfile("cpanfile", []byte(src))
		checkError(t, err, want, "")
		var s *SyntaxError
		if !errors.As(err, &s) {
			t.Errorf("%q: %T", src, err)
		}
	}
}

func FuzzCpanfile(f *testing.F) {
	f.Add(plainCpanfile)
	f.Add("requires 'A' if 1;")
	f.Add("requires qq(a\\)b);\n=pod\n")
	f.Add("q#a#; q (x); v1.2; 'a\\'b'")
	f.Fuzz(func(t *testing.T, src string) {
		out, err := parseCpanfile("cpanfile", []byte(src))
		var p *programError
		var s *SyntaxError
		if err != nil && !errors.As(err, &p) && !errors.As(err, &s) {
			t.Errorf("error %T %v", err, err)
		}
		if err == nil {
			for _, r := range out.requirements {
				if !isModuleName(r.module) || !isPhase(r.phase) || r.place.line < 1 || r.place.col < 1 {
					t.Errorf("%+v", r)
				}
			}
		}
	})
}

// TestSampleProject reads the files of the sample application.
func TestSampleProject(t *testing.T) {
	const dir = "../../../testdata/plack-app/"
	data, err := os.ReadFile(dir + "cpanfile")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parseCpanfile("cpanfile", data)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(dir + "cpanfile.snapshot"); err != nil {
		t.Fatal(err)
	}
	dists, err := parseSnapshot("cpanfile.snapshot", data)
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(dists, nil, false)
	for _, r := range file.selected([]string{"develop", "test"}, nil) {
		w := []want{{requirement: r.requirement}}
		if r.module != "perl" && chooseBest(p.first[r.module], r.module, w, func(*candidate) bool { return false }) == nil {
			t.Errorf("%s: the snapshot lacks %s", r.place, r.requirement)
		}
	}
}

// FuzzDecodeCpanfile reads what running a cpanfile printed: the cpanfile is not
// to be trusted.
func FuzzDecodeCpanfile(f *testing.F) {
	for _, answer := range []string{
		`{"requirements":[{"phase":"runtime","relation":"requires","module":"Moo","version":">= 1, < 3","line":2}],"mirrors":["http://x/"],"features":["f"]}`,
		`{"error":"oops at cpanfile line 3."}`, `{"requirements":[{"phase":"x"}]}`, `{`, `null`,
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		file, err := decodeCpanfile("cpanfile", answer)
		if (file == nil) == (err == nil) {
			t.Errorf("%v, %v", file, err)
		}
		if err != nil {
			return
		}
		for _, r := range file.selected(nil, file.features) {
			if !isModuleName(r.module) && r.module != "perl" {
				t.Errorf("it requires %q", r.module)
			}
		}
	})
}
