package pkgspec

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/envbuild/envbuild/internal/digest"
)

func sampleLock() *Lock {
	debian := Target{Release: "debian-12", Arch: "amd64"}
	arm := Target{Release: "debian-13", Arch: "arm64"}
	return &Lock{
		Inputs: []LockInput{
			{"cpanfile", digest.Sum([]byte("1"))}, {"cpanfile.snapshot", digest.Sum([]byte("2"))},
			{"envbuild.yaml:dependencies.cpan", digest.Sum([]byte("3"))}, {"envbuild.yaml:runtime.perl", digest.Sum([]byte("4"))},
		},
		Date: time.Date(2024, 1, 31, 12, 30, 15, 0, time.UTC), Root: RootMachine, Targets: []Target{debian, arm},
		Languages: []LanguageLock{samplePerl(), {
			Language: "toy",
			Runtime: RuntimePin{Version: "22.1.0", Sources: []SourcePin{
				{Path: "toy-amd64.tar.gz", SHA256: digest.Sum([]byte("a")), Size: 5, Targets: []Target{debian}},
				{Path: "toy-arm64.tar.gz", SHA256: digest.Sum([]byte("b")), Size: 6, Targets: []Target{arm}},
			}},
			Distributions: []Pin{
				{
					ID: "lib@1", Name: "lib", Version: "1", Places: []string{"a/modules/lib", "modules/lib"},
					Sources: []SourcePin{{Path: "lib/-/lib-1.tgz", SHA256: digest.Sum([]byte("c")), Size: 7}},
				},
				{
					ID: "lib@2", Name: "lib", Version: "2", Places: []string{"b/modules/lib"}, Targets: []Target{arm}, Requires: []string{"lib@1"},
					Sources: []SourcePin{{Path: "lib/-/lib-2.tgz", SHA256: digest.Sum([]byte("d")), Size: 8}},
				},
			},
		}},
	}
}

// samplePerl is the part of a lock that version 1 could hold too.
func samplePerl() LanguageLock {
	return LanguageLock{
		Language: "perl",
		Runtime: RuntimePin{Version: "5.36.0", Date: time.Date(2022, 5, 27, 20, 48, 13, 0, time.UTC), Sources: []SourcePin{{
			Path: "perl-5.36.0.tar.xz", URL: "https://example.org/perl 5.tar.xz", SHA256: digest.Sum([]byte("p")), Size: 12825392,
		}}},
		Distributions: []Pin{
			{
				ID: "DBI", Name: "DBI", Version: "1.643", CBytes: 400000, License: "Artistic-1.0-Perl OR GPL-1.0-or-later",
				Sources:  []SourcePin{{Path: "T/TI/TIMB/DBI-1.643.tar.gz", SHA256: digest.Sum([]byte("d")), Size: 1}},
				Provides: []Module{{"Bundle::DBI", "12.008696"}, {"DBI", "1.643"}, {"DBI::Gofer", "undef"}},
			},
			{
				ID: "Plack", Name: "Plack", Version: "1.0050", Requires: []string{"DBI", "no"},
				Sources:  []SourcePin{{Path: "M/MI/MIYAGAWA/modules/Plack-1.0050.tar.gz", SHA256: digest.Sum([]byte("k")), Size: 2}},
				Provides: []Module{{"Plack", "1.0050"}},
			},
			{ID: "no", Name: "no", Version: "", Sources: []SourcePin{{Path: "a b", SHA256: digest.Sum(nil)}}},
		},
	}
}

// TestVersion1 reads a lock of the first format, which is one of the machine's root
// in the format of today.
func TestVersion1(t *testing.T) {
	text, err := os.ReadFile("testdata/version1.lock")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseLock("envbuild.lock", text)
	if err != nil {
		t.Fatal(err)
	}
	want := sampleLock()
	want.Targets, want.Languages = nil, []LanguageLock{samplePerl()}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	checkRoundTrip(t, got)
	for _, c := range [][2]string{
		{"requires:\n      - DBI", "requires:\n      - ABI"}, {"    c_bytes: 0\n", ""}, {"  language: perl\n", ""},
		{"path: \"M/MI", "path: \"../M/MI"}, {"distributions:\n", "distributions: 1\n"},
	} {
		bad := strings.Replace(string(text), c[0], c[1], 1)
		var e *Error
		if _, err := ParseLock("x", []byte(bad)); bad == string(text) || !errors.As(err, &e) {
			t.Errorf("%q for %q: %v", c[1], c[0], err)
		}
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]Target{
		"debian-12": {"debian-12", "amd64"}, "ubuntu-24.04": {"ubuntu-24.04", "amd64"}, "debian-13/arm64": {"debian-13", "arm64"},
	} {
		got, err := ParseTarget(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "debian", "debian-12/", "debian-12/amd64", "Debian-12", "debian-12/x/y", "/amd64", "debian-12 "} {
		var e *TargetError
		if _, err := ParseTarget(text); !errors.As(err, &e) || e.Hint() == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLockEncode(t *testing.T) {
	l := sampleLock()
	got := l.Encode()
	golden(t, "lock.golden", got)

	shuffled := sampleLock()
	for _, ll := range shuffled.Languages {
		slices.Reverse(ll.Distributions)
		slices.Reverse(ll.Runtime.Sources)
		for _, p := range ll.Distributions {
			slices.Reverse(p.Provides)
			slices.Reverse(p.Places)
			slices.Reverse(p.Requires)
		}
	}
	slices.Reverse(shuffled.Languages)
	slices.Reverse(shuffled.Targets)
	shuffled.Date = shuffled.Date.In(time.FixedZone("", 3600))
	if !bytes.Equal(shuffled.Encode(), got) {
		t.Error("another order gives another lock")
	}
	if shuffled.Digest() != l.Digest() {
		t.Error("another order gives another digest")
	}
}

func TestLockRoundTrip(t *testing.T) {
	for name, l := range map[string]*Lock{
		"full":  sampleLock(),
		"empty": {Date: time.Unix(0, 0).UTC(), Root: RootMachine, Languages: []LanguageLock{{Language: "perl", Runtime: RuntimePin{Version: "5"}}}},
		"none":  {Date: time.Unix(0, 0).UTC(), Root: RootMachine},
	} {
		got, err := ParseLock("envbuild.lock", l.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, l) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, got, l)
		}
	}
}

// TestLockIsYAML reads a lock with a YAML parser, as other tools do.
func TestLockIsYAML(t *testing.T) {
	type file struct {
		URL, SHA256 string
		Size        int64
	}
	type pin struct {
		Version  string
		Files    map[string]file
		Requires []string
		Provides map[string]string
	}
	var doc struct {
		Version   int
		Date      time.Time
		Root      string
		Targets   []string
		Inputs    map[string]string
		Languages map[string]struct {
			Runtime       pin
			Distributions map[string]pin
		}
	}
	l := sampleLock()
	if err := yaml.Unmarshal(l.Encode(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != LockVersion || len(doc.Inputs) != 4 || !doc.Date.Equal(l.Date) || doc.Root != RootMachine || len(doc.Targets) != 2 {
		t.Errorf("got %+v", doc)
	}
	perl := doc.Languages["perl"]
	if got := perl.Runtime.Files["perl-5.36.0.tar.xz"]; got.URL != l.Languages[0].Runtime.Source().URL {
		t.Errorf("the runtime is %+v", got)
	}
	for _, p := range l.Languages[0].Distributions {
		got, src := perl.Distributions[p.ID], p.Source()
		if got.Version != p.Version || got.Files[src.Path].SHA256 != src.SHA256.String() || !reflect.DeepEqual(got.Requires, p.Requires) {
			t.Errorf("%s is %+v", p.Name, got)
		}
		for _, m := range p.Provides {
			if got.Provides[m.Name] != m.Version {
				t.Errorf("%s has version %q", m.Name, got.Provides[m.Name])
			}
		}
	}
}

func TestParseLockAcceptsCommentsAndCRLF(t *testing.T) {
	text := string(sampleLock().Encode())
	text = strings.ReplaceAll(text, "\n    runtime:", "\n\n  # by hand\n    runtime:")
	got, err := ParseLock("envbuild.lock", []byte(strings.ReplaceAll(text, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sampleLock()) {
		t.Errorf("got %+v", got)
	}
}

func TestBadLocks(t *testing.T) {
	good := string(sampleLock().Encode())
	var b strings.Builder
	for _, c := range []struct{ name, from, to string }{
		{"empty", good, ""},
		{"cut off", good[strings.Index(good, "          url"):], ""},
		{"newer format", "version: 2\n", "version: 3\nrevision: x\n"},
		{"no version", "version: 2\n", ""},
		{"version", "version: 2\n", "version: two\n"},
		{"date", "2024-01-31T12:30:15Z", "yesterday"},
		{"date with a zone", "12:30:15Z", "12:30:15+01:00"},
		{"root", "root: machine", "root: pinned"},
		{"merge conflict", "      Plack:\n", "<<<<<<< HEAD\n      Plack:\n"},
		{"odd indentation", "      Plack:\n", "       Plack:\n"},
		{"too deep", "      Plack:\n", "        Plack:\n"},
		{"unknown key", "        c_bytes: 400000\n", "        weight: 400000\n"},
		{"flow style", "        requires:\n          - DBI", "        requires: [DBI]\n          - DBI"},
		{"no item", "          - DBI\n", "          DBI\n"},
		{"not sorted", "      DBI:\n", "      XBI:\n"},
		{"languages not sorted", "  perl:\n", "  zerl:\n"},
		{"twice", "          DBI::Gofer:", "          DBI:"},
		{"not closed", "          - DBI\n", "          - ABI\n"},
		{"itself", "          - DBI\n", "          - DBI\n          - Plack\n"},
		{"quotes", `"1.643"`, `"1.643`},
		{"after quotes", `"1.643"`, `"1.643" x`},
		{"no blank", `version: "1.643"`, `version:"1.643"`},
		{"sha256", digest.Sum([]byte("p")).String(), "abc"},
		{"size", "size: 12825392", "size: -1"},
		{"octal size", "size: 12825392", "size: 012"},
		{"path up", "M/MI/MIYAGAWA/modules/Plack", `M/../../x/Plack`},
		{"absolute path", "M/MI/MIYAGAWA/modules/Plack-1.0050.tar.gz", `"/etc/Plack-1.0050.tar.gz"`},
		{"place up", "- modules/lib", "- modules/../../lib"},
		{"target", "  - debian-12\n", "  - Debian 12\n"},
		{"unknown target", "            - debian-13/arm64", "            - debian-14/arm64"},
		{"no name", "        name: lib\n", "        name: \"\"\n"},
		{"section with a value", "inputs:\n", "inputs: none\n"},
		{"anchor", "      Plack:\n", "      &p Plack:\n"},
		{"trailing", good, good + "more: x\n"},
	} {
		if !strings.Contains(good, c.from) {
			t.Errorf("%s: the lock has no %q", c.name, c.from)
		}
		_, err := ParseLock("envbuild.lock", []byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: expected an *Error, got %T", c.name, err)
		}
		fmt.Fprintf(&b, "== %s\n%v\n    %s\n  hint: %s\n", c.name, e, strings.ReplaceAll(e.Caret(), "\n", "\n    "), e.Hint())
	}
	golden(t, "badlock.golden", []byte(b.String()))
}

func TestDigestCoversEveryField(t *testing.T) {
	seen := map[digest.SHA256]string{sampleLock().Digest(): "nothing"}
	for name, change := range map[string]func(l *Lock){
		"input":           func(l *Lock) { l.Inputs[0].SHA256[0]++ },
		"inputs":          func(l *Lock) { l.Inputs = l.Inputs[1:] },
		"date":            func(l *Lock) { l.Date = l.Date.Add(time.Second) },
		"root":            func(l *Lock) { l.Root = "x" },
		"targets":         func(l *Lock) { l.Targets = l.Targets[1:] },
		"language":        func(l *Lock) { l.Languages[0].Language = "x" },
		"runtime":         func(l *Lock) { l.Languages[0].Runtime.Version = "x" },
		"runtime's date":  func(l *Lock) { l.Languages[0].Runtime.Date = time.Time{} },
		"path":            func(l *Lock) { l.Languages[0].Runtime.Sources[0].Path = "x" },
		"url":             func(l *Lock) { l.Languages[0].Runtime.Sources[0].URL = "x" },
		"sources":         func(l *Lock) { l.Languages[1].Runtime.Sources = l.Languages[1].Runtime.Sources[1:] },
		"source's target": func(l *Lock) { l.Languages[1].Runtime.Sources[0].Targets = nil },
		"sha256":          func(l *Lock) { l.Languages[0].Distributions[0].Sources[0].SHA256[0]++ },
		"size":            func(l *Lock) { l.Languages[0].Distributions[0].Sources[0].Size++ },
		"c bytes":         func(l *Lock) { l.Languages[0].Distributions[0].CBytes++ },
		"version":         func(l *Lock) { l.Languages[0].Distributions[0].Version = "x" },
		"license":         func(l *Lock) { l.Languages[0].Distributions[0].License = "x" },
		"id":              func(l *Lock) { l.Languages[0].Distributions[0].ID = "x" },
		"name":            func(l *Lock) { l.Languages[0].Distributions[0].Name = "x" },
		"places":          func(l *Lock) { l.Languages[1].Distributions[0].Places = []string{"x"} },
		"pin's targets":   func(l *Lock) { l.Languages[1].Distributions[1].Targets = nil },
		"requires":        func(l *Lock) { l.Languages[0].Distributions[1].Requires = []string{"DBI"} },
		"provides":        func(l *Lock) { l.Languages[0].Distributions[0].Provides[0].Version = "x" },
		"module":          func(l *Lock) { l.Languages[0].Distributions[0].Provides[0].Name = "x" },
	} {
		l := sampleLock()
		change(l)
		if other, ok := seen[l.Digest()]; ok {
			t.Errorf("changing %s gives the digest of changing %s", name, other)
		}
		seen[l.Digest()] = name
	}
}

func TestStale(t *testing.T) {
	l := sampleLock()
	if got := l.Stale(l.Inputs); got != nil {
		t.Errorf("a fresh lock is stale: %q", got)
	}
	got := l.Stale([]LockInput{
		{"patches/x.diff", digest.Sum(nil)}, {"envbuild.yaml:runtime.perl", digest.Sum([]byte("other"))},
		{"cpanfile", digest.Sum([]byte("other"))}, {"envbuild.yaml:dependencies.cpan", l.Inputs[2].SHA256},
	})
	want := []string{
		"the file cpanfile changed since the lock was made",
		"the file cpanfile.snapshot is gone, from which the lock was made",
		"the section runtime.perl of envbuild.yaml changed since the lock was made",
		"the file patches/x.diff is new since the lock was made",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add(sampleLock().Encode())
	if old, err := os.ReadFile("testdata/version1.lock"); err == nil {
		f.Add(old)
	}
	f.Add([]byte("version: 1\n"))
	f.Add(bytes.ReplaceAll(sampleLock().Encode(), []byte("DBI"), []byte(`"D\tI"`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLock("envbuild.lock", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Message == "" || e.Line > strings.Count(string(data), "\n")+1 {
				t.Fatalf("bad error %#v", err)
			}
			_ = e.Caret()
			return
		}
		checkRoundTrip(t, l)
	})
}

// FuzzLockRoundTrip writes locks with hostile words.
func FuzzLockRoundTrip(f *testing.F) {
	f.Add("Plack", "1.0050", "M/MI/Plack-1.tar.gz", int64(1704067200))
	f.Add("true", "\"\\\n\x00\xff: # ", "a b", int64(0))
	f.Add("a: b", "undef", "é", int64(-1))
	f.Add("a:", "", "x", int64(253402300799))
	f.Fuzz(func(t *testing.T, name, version, path string, date int64) {
		if name == "" || !fs.ValidPath(path) || path == "." || strings.ContainsFunc(path, unsafeInPath) {
			return
		}
		when := time.Unix(date, 0).UTC()
		if y := when.Year(); y < 0 || y > 9999 {
			return
		}
		src := []SourcePin{{Path: path, URL: version, SHA256: digest.Sum([]byte(name)), Size: 1}}
		checkRoundTrip(t, &Lock{
			Inputs: []LockInput{{name, digest.Sum([]byte(path))}},
			Date:   when, Root: RootMachine,
			Languages: []LanguageLock{{
				Language: name,
				Runtime:  RuntimePin{Version: version, Sources: src},
				Distributions: []Pin{
					{ID: name, Name: name + "y", Version: version, Sources: src, Provides: []Module{{version, name}}, Places: []string{path}},
					{ID: name + "x", Name: name, Version: version, Sources: src, Requires: []string{name}},
				},
			}},
		})
	})
}

func checkRoundTrip(t *testing.T, l *Lock) {
	t.Helper()
	data := l.Encode()
	again, err := ParseLock("envbuild.lock", data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if !reflect.DeepEqual(again, l) {
		t.Errorf("%+v became %+v by\n%s", l, again, data)
	}
	if !bytes.Equal(again.Encode(), data) || again.Digest() != l.Digest() {
		t.Errorf("encoding is not stable:\n%s", data)
	}
}

// BenchmarkParseLock reads a lock of 5,000 lines.
func BenchmarkParseLock(b *testing.B) {
	l := &Lock{Date: sampleLock().Date, Languages: []LanguageLock{{Language: "perl"}}}
	ll := &l.Languages[0]
	for i := range 100 {
		p := Pin{ID: fmt.Sprintf("Dist-%03d", i), Version: "1.0", Sources: []SourcePin{{Path: "A/AB/X.tar.gz"}}}
		for j := range 43 {
			p.Provides = append(p.Provides, Module{fmt.Sprintf("Dist::M%03d::N%02d", i, j), "1.05"})
		}
		ll.Distributions = append(ll.Distributions, p)
	}
	data := l.Encode()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ParseLock("envbuild.lock", data); err != nil {
			b.Fatal(err)
		}
	}
}
