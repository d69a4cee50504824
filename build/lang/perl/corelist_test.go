package perl

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// TestCoreListAgainstPerl compares the static reading of the machine's own
// Module::CoreList with what it says when it is run, for each release in it.
func TestCoreListAgainstPerl(t *testing.T) {
	skiptest.Without(t, "perl")
	const script = `use Module::CoreList;
open my $f, '<', $INC{'Module/CoreList.pm'} or die; local $/; print <$f>, "\0";
for my $p (qw(5.008009 5.016003 5.020000 5.030000 5.036000)) { my $v = $Module::CoreList::version{$p} or next;
print "$p $_ ", $v->{$_} // 'undef', "\n" for sort keys %$v }`
	out, err := exec.Command("perl", "-e", script).Output()
	if err != nil {
		skiptest.Because(t, "this perl has no Module::CoreList: %v", err)
	}
	source, answers, _ := strings.Cut(string(out), "\x00")
	seen := map[string]coreModules{}
	counts := map[string]int{}
	for line := range strings.Lines(answers) {
		f := strings.Fields(line)
		core, ok := seen[f[0]]
		if !ok {
			if core, err = parseCoreList([]byte(source), f[0]); err != nil {
				t.Fatal(err)
			}
			seen[f[0]] = core
		}
		counts[f[0]]++
		if v, ok := core[f[1]]; !ok || v.compare(looseVersion(f[2])) != 0 {
			t.Errorf("perl %s: %s is %v (%v), perl says %s", f[0], f[1], v, ok, f[2])
		}
	}
	for release, core := range seen {
		if len(core) != counts[release] {
			t.Errorf("perl %s: %d modules, perl says %d", release, len(core), counts[release])
		}
	}
	if len(seen) == 0 {
		t.Error("nothing was compared")
	}
}

func TestParseCoreList(t *testing.T) {
	const deltas = "x\n%delta = (\n 5 => { changed => { 'A' => '1', 'B' => undef, } },\n" +
		" 5.026 => { delta_from => 5, changed => { 'A' => 1.5, }, removed => { 'B' => 1, } },\n" +
		" 5.026001 => { delta_from => 5.026000, changed => {}, removed => {} },\n);\n"
	const whole = "\n%version = (\n '5.014004' => {\n 'A' => '2', # why\n 'B' => undef,\n },\n);\n"
	for _, test := range []struct{ src, release, want, err string }{
		{deltas, "5.0.0", "A=1 B=undef", ""},
		{deltas, "5.26.0", "A=1.5", ""},
		{deltas, "5.26.1", "A=1.5", ""},
		{whole, "5.14.4", "A=2 B=undef", ""},
		{deltas, "5.28.0", "", "Module::CoreList doesn't know perl 5.28.0"},
		{"package X;", "5.28.0", "", "Module::CoreList: the file has no table of modules"},
		{"\n%delta = ( 5 => { changed => { A => { } } } )", "5.0.0", "", `Module::CoreList: line 1 of the table: expected a version, got "{"`},
		{"\n%delta = ( 5 => { delta_from => 5 } );", "5.0.0", "", "Module::CoreList doesn't know perl 5.0.0"},
	} {
		core, err := parseCoreList([]byte(test.src), test.release)
		if (err != nil || test.err != "") && (err == nil || err.Error() != test.err) {
			t.Errorf("%s: error %v, want %q", test.release, err, test.err)
			continue
		}
		for want := range strings.FieldsSeq(test.want) {
			name, v, _ := strings.Cut(want, "=")
			if got, ok := core[name]; !ok || got.compare(looseVersion(v)) != 0 {
				t.Errorf("%s: %s is %v, want %s", test.release, name, got, v)
			}
		}
		if n := len(strings.Fields(test.want)); len(core) != n {
			t.Errorf("%s: %d modules, want %d", test.release, len(core), n)
		}
	}
}

func FuzzParseCoreList(f *testing.F) {
	f.Add([]byte("\n%delta = (\n 5 => { changed => { 'A' => '1', 'B' => undef, } },\n);"))
	f.Add([]byte("\n%version = ( 5 => { A => 1 } )"))
	f.Fuzz(func(t *testing.T, data []byte) {
		core, err := parseCoreList(data, "5.0.0")
		if (core == nil) == (err == nil) {
			t.Errorf("%v, %v", core, err)
		}
	})
}
