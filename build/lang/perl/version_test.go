package perl

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// versionTexts are forms from real indexes and snapshots, and corner cases.
func versionTexts() []string {
	return []string{
		"0", "0.0", "1", "1.", ".5", "0.5", "0.05", "1.1", "1.10", "1.100", "1.02", "1.0203", "1.02_03", "1.2345", "1.23456789",
		"1.2.3", "v1.2.3", "v1", "v1.2", "1.2.0", "1.200", "1.002003", "v1.2.3.4", "1.2.3_4", "v1.2_3", ".1.2", "00.1",
		"5.008001", "5.8.1", "v5.36.0", "5.036", "5.036000", "20220520", "5.20220520", "2.005005", "6.0e", "1.2-TRIAL",
		"1..2", "abc", "_1", "1_", "1__0", "v", "1.a",
	}
}

// TestVersionAgainstPerl compares with version.pm, pair by pair.
func TestVersionAgainstPerl(t *testing.T) {
	const script = `use version; my @t = map { chomp; $_ } <STDIN>; my @v = map { scalar eval { version->parse($_) } } @t;
for my $i (0..$#t) { print "$i ok ", defined $v[$i] ? 1 : 0, "\n"; next if !defined $v[$i];
for my $j (0..$#t) { print "$i $j ", $v[$i] <=> $v[$j], "\n" if defined $v[$j] } }`
	texts := versionTexts()
	out := runPerl(t, script, []byte(strings.Join(texts, "\n")+"\n"))
	compared := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		i, _ := strconv.Atoi(f[0])
		v, err := parseVersion(texts[i])
		if f[1] == "ok" {
			if (err == nil) != (f[2] == "1") {
				t.Errorf("parseVersion(%q): %v, perl says %s", texts[i], err, f[2])
			}
			continue
		}
		j, _ := strconv.Atoi(f[1])
		w, err := parseVersion(texts[j])
		if err != nil {
			continue // reported for j itself
		}
		compared++
		if got := fmt.Sprint(v.compare(w)); got != f[2] {
			t.Errorf("%q <=> %q is %s, perl says %s", texts[i], texts[j], got, f[2])
		}
	}
	if compared < 500 {
		t.Errorf("only %d pairs were compared", compared)
	}
}

func TestLooseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"undef": "0", "": "0", "1.2-TRIAL": "1.2", "1.2.3beta": "1.2.3", "x": "0", "1_": "1", " 1.5 ": "1.5",
		strings.Repeat("9", 5000): strings.Repeat("9", 64),
	} {
		if got := looseVersion(text); got.compare(looseVersion(want)) != 0 {
			t.Errorf("looseVersion(%.20q) = %v, want %v", text, got, want)
		}
	}
}

func TestRange(t *testing.T) {
	for _, test := range []struct{ rng, in, out string }{
		{"", "0 1 undef", ""},
		{"undef", "0 1", ""},
		{"1.2", "1.2 1.200 2 v1.200", "1.1 0 1.02 v1.2"},
		{">= 1, < 2, != 1.5", "1 1.4 1.9", "0.9 1.5 1.500 2"},
		{"==0.116", "0.116 v0.116", "0.117 0.11"},
		{"== 1", "1 1.0 v1", "1.1"},
		{"> 1,<=3", "1.1 3", "1 3.1"},
		{">= 0, != 6.04, != 6.05", "0 6.03", "6.04 6.05"},
	} {
		r, err := parseRange(test.rng)
		if err != nil {
			t.Errorf("parseRange(%q): %v", test.rng, err)
			continue
		}
		for v := range strings.FieldsSeq(test.in) {
			if !r.allows(looseVersion(v)) {
				t.Errorf("%q excludes %s", test.rng, v)
			}
		}
		for v := range strings.FieldsSeq(test.out) {
			if r.allows(looseVersion(v)) {
				t.Errorf("%q allows %s", test.rng, v)
			}
		}
	}
	for _, bad := range []string{"abc", ">=", "1,", ">= 1 < 2", "=> 1", "1 2", "~> 1"} {
		if r, err := parseRange(bad); err == nil {
			t.Errorf("parseRange(%q) = %v", bad, r)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for _, text := range versionTexts() {
		f.Add(text, "1.5")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, w := looseVersion(a), looseVersion(b)
		if v.compare(w) != -w.compare(v) {
			t.Errorf("%q and %q compare to %d and %d", a, b, v.compare(w), w.compare(v))
		}
		if strict, err := parseVersion(a); err == nil && len(a) <= 64 && strict.compare(v) != 0 {
			t.Errorf("%q is %v and loosely %v", a, strict, v)
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add(">= 1, < 2, != 1.5", "1.5")
	f.Add("== v1.2", "1.002")
	f.Fuzz(func(t *testing.T, text, of string) {
		r, err := parseRange(text)
		if err != nil {
			return
		}
		again, err := parseRange(r.String())
		if err != nil || again.allows(looseVersion(of)) != r.allows(looseVersion(of)) {
			t.Errorf("%q written as %q is another range (%v)", text, r, err)
		}
	})
}
