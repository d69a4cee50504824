package perl

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// someRuntime lays out the parts of a perl 5.36.0 that the check reads.
func someRuntime(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const lib, arch = "lib/perl5/5.36.0/", "lib/perl5/5.36.0/x86_64-linux/"
	for name, content := range map[string]string{
		lib + "strict.pm":          "package strict;\n$strict::VERSION = \"1.12\";\n",
		lib + "Test/More.pm":       "package Test::More;\nour $VERSION = '1.302190';\n",
		lib + "Odd.pm":             "package Odd;\nour $VERSION = sprintf '%d.%02d', 3, 17;\n",
		lib + "Net/Config.pm":      "package Net::Config;\n",
		arch + "Config.pm":         "package Config;\n",
		arch + "Config_heavy.pl":   "",
		arch + "List/Util.pm":      "package List::Util;\nour $VERSION = \"1.62\";\n$VERSION =~ tr/_//d;\n",
		lib + "Module/CoreList.pm": "x\n%delta = (\n 5.036000 => { changed => { 'Odd' => '3.17', 'List::Util' => '1.62' }, removed => {} },\n);\n",
	} {
		writeFile(t, filepath.Join(dir, name), content)
	}
	return dir
}

func TestCheckOutput(t *testing.T) {
	runtime := someRuntime(t)
	lock := someLock()
	lock.Languages[0].Distributions = append(lock.Language("perl").Distributions, pkgspec.Pin{
		Name: "Test-Simple", Provides: []pkgspec.Module{{Name: "Test::More", Version: "1.001"}, {Name: "Test::Fresh", Version: "1"}},
	})
	for _, test := range []struct {
		name    string
		prereqs string
		closure []string
		want    []MissingRequirement
		hint    string
	}{
		{name: "nothing", prereqs: `{}`},
		{name: "modules of the core", prereqs: `{"runtime": {"requires": {"strict": "0", "Config": 0, "Test::More": "0.88", "List::Util": 1.45, "perl": "5.008"}}}`},
		{name: "only CoreList knows the version", prereqs: `{"build": {"requires": {"Odd": "3.10"}}}`},
		{
			name: "the core's is too old", prereqs: `{"build": {"requires": {"Odd": "3.18", "List::Util": ">= 1, < 1.5"}}}`,
			want: []MissingRequirement{
				{Module: "List::Util", Range: ">= 1, < 1.5", Phase: "build", Found: "List::Util 1.62"},
				{Module: "Odd", Range: "3.18", Phase: "build", Found: "Odd 3.17"},
			},
			hint: "nothing in the lock provides List::Util and Odd",
		},
		{name: "a module in another directory", prereqs: `{"runtime": {"requires": {"More": 0}}}`, want: []MissingRequirement{
			{Module: "More", Range: "0", Phase: "runtime"},
		}},
		{name: "of the closure", prereqs: `{"configure": {"requires": {"DBI": "1.6"}}, "runtime": {"requires": {"DBI::Const": 0}}}`, closure: []string{"DBI"}},
		{name: "its own", prereqs: `{"runtime": {"requires": {"XML::LibXML": "2", "XML::LibXML::Own": 3}}}`},
		{
			name: "undeclared, but in the lock", prereqs: `{"runtime": {"requires": {"DBI": "1.6"}}}`,
			want: []MissingRequirement{{Module: "DBI", Range: "1.6", Phase: "runtime", Provider: "DBI"}},
			hint: "    XML-LibXML: {needs: [DBI]}\nand run: envbuild lock",
		},
		{
			name: "the closure's hides the core's", prereqs: `{"runtime": {"requires": {"Test::More": "1.3"}}}`, closure: []string{"Test-Simple"},
			want: []MissingRequirement{{Module: "Test::More", Range: "1.3", Phase: "runtime", Found: "Test::More 1.001"}},
		},
		{name: "the tests' are not asked for", prereqs: `{"test": {"requires": {"Nowhere": 0}}, "runtime": {"recommends": {"Nowhere": 0}}}`},
		{
			name: "perl is too old", prereqs: `{"runtime": {"requires": {"perl": "v5.38.0"}}}`,
			want: []MissingRequirement{{Module: "perl", Range: "v5.38.0", Phase: "runtime", Found: "perl 5.36.0"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := t.TempDir()
			writeFile(t, filepath.Join(tree, "lib/perl5/XML/LibXML.pm"), "")
			writeFile(t, filepath.Join(tree, "lib/perl5/x86_64-linux/.meta/XML-LibXML-2.0207/MYMETA.json"),
				`{"name": "XML-LibXML", "prereqs": `+test.prereqs+`, "provides": {"XML::LibXML::Own": {"version": "3"}}}`)
			err := New().CheckOutput(t.Context(), checkRequest(lock, tree, runtime, test.closure))
			var missing *MissingRequirementsError
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.As(err, &missing) || !slices.Equal(missing.Missing, test.want) {
				t.Fatalf("got %+v\nwant %+v", err, test.want)
			}
			checkHint(t, err, test.hint)
		})
	}
}

func checkRequest(lock *pkgspec.Lock, tree, runtime string, closure []string) lang.CheckRequest {
	req := lang.CheckRequest{
		Lock: lock, Step: &plan.Step{Name: "XML-LibXML", Kind: plan.Distribution}, Tree: tree, RuntimeTree: runtime,
	}
	for _, name := range closure {
		req.Closure = append(req.Closure, &plan.Step{Name: name, Kind: plan.Distribution})
	}
	return req
}

// TestCheckModuleInstall ignores the version of MakeMaker that Module::Install
// makes up.
func TestCheckModuleInstall(t *testing.T) {
	for generator, ok := range map[string]bool{"Module::Install version 1.06, CPAN::Meta::Converter": true, "ExtUtils::MakeMaker version 7": false} {
		tree := t.TempDir()
		writeFile(t, filepath.Join(tree, "lib/perl5/Foo.pm"), "")
		writeFile(t, filepath.Join(tree, "lib/perl5/x86_64-linux/.meta", recordName(checkRequest(someLock(), "", "", nil)), "MYMETA.json"),
			`{"generated_by": "`+generator+`", "prereqs": {"build": {"requires": {"ExtUtils::MakeMaker": "99"}}}}`)
		err := New().CheckOutput(t.Context(), checkRequest(someLock(), tree, someRuntime(t), nil))
		if ok != (err == nil) {
			t.Errorf("by %s: %v", generator, err)
		}
	}
}

func TestCheckNothingInstalled(t *testing.T) {
	tree := t.TempDir()
	writeFile(t, filepath.Join(tree, "lib/perl5/x86_64-linux/.meta/Foo-1/install.json"), "{}")
	var nothing *NothingInstalledError
	err := New().CheckOutput(t.Context(), checkRequest(someLock(), tree, someRuntime(t), nil))
	if !errors.As(err, &nothing) {
		t.Errorf("got %v", err)
	}
	checkHint(t, err, "envbuild log XML-LibXML")
	writeFile(t, filepath.Join(tree, "bin/foo"), "")
	if err := New().CheckOutput(t.Context(), checkRequest(someLock(), tree, someRuntime(t), nil)); err != nil {
		t.Errorf("a program and no metadata: %v", err)
	}
}

// TestCheckRuntime leaves the runtime's own step alone.
func TestCheckRuntime(t *testing.T) {
	req := lang.CheckRequest{Lock: someLock(), Step: &plan.Step{Name: "perl", Kind: plan.Runtime}, Tree: t.TempDir()}
	if err := New().CheckOutput(t.Context(), req); err != nil {
		t.Error(err)
	}
}

// TestCheckHostileRecord has a step that leaves what an open would hang on, or
// what leads out of its tree, where its record is looked for.
func TestCheckHostileRecord(t *testing.T) {
	outside := t.TempDir()
	writeFile(t, filepath.Join(outside, "MYMETA.json"), `{"prereqs": {"runtime": {"requires": {"Nowhere": 0}}}}`)
	for name, leave := range map[string]func(record string) error{
		"a pipe": func(record string) error { return syscall.Mkfifo(filepath.Join(record, "MYMETA.json"), 0o644) },
		"a link": func(record string) error {
			return os.Symlink(filepath.Join(outside, "MYMETA.json"), filepath.Join(record, "MYMETA.json"))
		},
		"an endless file":    func(record string) error { return os.Symlink("/dev/zero", filepath.Join(record, "MYMETA.json")) },
		"a linked directory": func(record string) error { return errors.Join(os.Remove(record), os.Symlink(outside, record)) },
		"another's record": func(record string) error {
			other := filepath.Join(filepath.Dir(record), "Aaa-1")
			return errors.Join(os.Mkdir(other, 0o755), os.Link(filepath.Join(outside, "MYMETA.json"), filepath.Join(other, "MYMETA.json")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := t.TempDir()
			req := checkRequest(someLock(), tree, someRuntime(t), nil)
			record := filepath.Join(tree, "lib/perl5/x86_64-linux/.meta", recordName(req))
			writeFile(t, filepath.Join(tree, "lib/perl5/Foo.pm"), "")
			if err := errors.Join(os.MkdirAll(record, 0o755), leave(record)); err != nil {
				t.Fatal(err)
			}
			var missing *MissingRequirementsError
			if err := New().CheckOutput(t.Context(), req); errors.As(err, &missing) {
				t.Errorf("it was believed: %v", err)
			}
		})
	}
}
