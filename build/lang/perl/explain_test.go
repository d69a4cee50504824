package perl

import (
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/plan"
)

func TestExplainFailure(t *testing.T) {
	const general = "if its build needs something more, add it under dependencies.cpan.build in envbuild.yaml:\n" +
		"    XML-LibXML: {env: {NAME: value}, apt: [package], needs: [Module]}"
	for _, test := range []struct{ name, log, want string }{
		{"nothing known", "make: *** [Makefile:1: all] Error 1\n", general},
		{
			"undeclared dependency",
			"Can't locate Probably/Optional.pm in @INC (you may need\nCan't locate DBI/Const.pm in @INC (you may need to install the DBI::Const module)",
			"it needs DBI::Const of DBI, which its metadata doesn't declare: the lock has what it needs; under dependencies.cpan.build in envbuild.yaml add\n" +
				"    XML-LibXML: {needs: [DBI::Const]}\nand run: envbuild lock",
		},
		{"a module from elsewhere", "Can't locate Devel/CheckLib.pm in @INC", "nothing in the lock provides Devel::CheckLib"},
		{"a module of its own", "Can't locate XML/LibXML.pm in @INC", general},
		{
			"header", "LibXML.xs:12:10: fatal error: libxml/parser.h: No such file or directory\n",
			"libxml/parser.h is in the Debian package libxml2-dev: apt-get install libxml2-dev, and under dependencies.cpan.build in envbuild.yaml add\n" +
				"    XML-LibXML: {apt: [libsomething-dev, libxml2-dev]}",
		},
		{"header in a directory", "x.c:1:10: fatal error: mysql/mysql.h: No such file or directory", "libmariadb-dev:"},
		{"its own header", "x.c:1:10: fatal error: config.h: No such file or directory", general},
		{"library", "/usr/bin/ld: cannot find -lpq: No such file or directory", "the library pq is in the Debian package libpq-dev"},
		{"Devel::CheckLib", "Can't link/include C library 'yaml.h', 'yaml', aborting.", "libyaml-dev"},
		{"Devel::CheckLib, library", "Can't link/include C library 'gmp', aborting.", "libgmp-dev"},
		{"pkg-config", "Package libidn2 was not found in the pkg-config search path.", "pkg-config's file of libidn2 is in the Debian package libidn2-dev"},
		{"pkg-config's second line", "Package 'libffi', required by 'virtual:world', not found", "libffi-dev"},
		{"pkg-config's errors", "No package 'libevent' found", "libevent-dev"},
		{"program", "Can't exec \"mysql_config\": No such file or directory at Makefile.PL line 70.", "mysql_config is in the Debian package libmariadb-dev-compat"},
		{"program of a shell", "sh: 1: pg_config: not found", "libpq-dev"},
		{"own words", "Expat must be installed prior to building XML::Parser and I can't find\nit in the standard library directories.", "libexpat1-dev"},
		{"network", "curl: (6) Could not resolve host: example.org", "use the network"},
		{"home", "mkdir /homeless/.foo: Permission denied at Makefile.PL line 3.", "the home directory"},
		{"server on this machine", "connect: Connection refused", "use the network"},
		{"write outside", "mkdir /usr/lib/x: Read-only file system at Makefile.PL line 3.", "it tries to write to /usr/lib/x, but"},
		{"full disk", "cc1: error: x.o: No space left on device", "ENVBUILD_CACHE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			step := &plan.Step{Name: "XML-LibXML", Kind: plan.Distribution, SysPackages: []string{"libsomething-dev"}}
			got := New().ExplainFailure(someLock(), step, []byte(test.log))
			if !strings.Contains(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestExplainRuntime has nothing to add to the spec for perl's own build.
func TestExplainRuntime(t *testing.T) {
	step := &plan.Step{Name: "perl", Kind: plan.Runtime}
	got := New().ExplainFailure(someLock(), step, []byte("x.c:1:1: fatal error: zlib.h: No such file or directory"))
	if nothing := New().ExplainFailure(someLock(), step, []byte("make: *** Error 1")); nothing != "" {
		t.Errorf("got %q", nothing)
	}
	if want := "zlib.h is in the Debian package zlib1g-dev: apt-get install zlib1g-dev"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDebianTable finds each thing in one package only, or the hint would depend
// on the table's order.
func TestDebianTable(t *testing.T) {
	seen := map[string]string{}
	last := ""
	for _, p := range parseDebianTable(debianTable) {
		if p.name <= last {
			t.Errorf("%s comes after %s", p.name, last)
		}
		last = p.name
		for kind, column := range map[string][]string{
			"header": p.headers, "library": p.libraries, "pkg-config": p.pkgConfigs, "program": p.programs, "message": p.messages,
		} {
			for _, thing := range column {
				if other := seen[kind+thing]; other != "" {
					t.Errorf("the %s %s is in %s and in %s", kind, thing, other, p.name)
				}
				seen[kind+thing] = p.name
			}
		}
	}
	rows := strings.Count(debianTable, "\n") - strings.Count(debianTable, "#")
	if got := len(parseDebianTable(debianTable)); got != rows {
		t.Errorf("%d rows were read of %d", got, rows)
	}
}

func FuzzExplainFailure(f *testing.F) {
	for _, log := range []string{
		"", "Can't locate Foo/Bar.pm in @INC", "fatal error: ../libxml/parser.h: No such file or directory", "cannot find -lz", "\xff/homeless: Permission denied",
	} {
		f.Add([]byte(log))
	}
	step := &plan.Step{Name: "Foo", Kind: plan.Distribution}
	f.Fuzz(func(t *testing.T, log []byte) {
		_ = New().ExplainFailure(someLock(), step, log)
	})
}
