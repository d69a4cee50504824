package pkgspec

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/envbuild/envbuild/internal/digest"
)

func sampleLock() *Lock {
	return &Lock{
		Inputs: []LockInput{
			{"cpanfile", digest.Sum([]byte("1"))}, {"cpanfile.snapshot", digest.Sum([]byte("2"))},
			{"dependencies", digest.Sum([]byte("3"))}, {"runtime", digest.Sum([]byte("4"))},
		},
		Date: time.Date(2024, 1, 31, 12, 30, 15, 0, time.UTC),
		Runtime: RuntimePin{Language: "perl", Version: "5.36.0", Date: time.Date(2022, 5, 27, 20, 48, 13, 0, time.UTC), Source: SourcePin{
			Path: "perl-5.36.0.tar.xz", URL: "https://example.org/perl 5.tar.xz", SHA256: digest.Sum([]byte("p")), Size: 12825392,
		}},
		Distributions: []Pin{
			{
				Name: "DBI", Version: "1.643", CBytes: 400000, License: "Artistic-1.0-Perl OR GPL-1.0-or-later",
				Source:   SourcePin{Path: "T/TI/TIMB/DBI-1.643.tar.gz", SHA256: digest.Sum([]byte("d")), Size: 1},
				Provides: []Module{{"Bundle::DBI", "12.008696"}, {"DBI", "1.643"}, {"DBI::Gofer", "undef"}},
			},
			{
				Name: "Plack", Version: "1.0050", Requires: []string{"DBI", "no"},
				Source:   SourcePin{Path: "M/MI/MIYAGAWA/modules/Plack-1.0050.tar.gz", SHA256: digest.Sum([]byte("k")), Size: 2},
				Provides: []Module{{"Plack", "1.0050"}},
			},
			{Name: "no", Version: "", Source: SourcePin{Path: "a b", SHA256: digest.Sum(nil)}},
		},
	}
}

func TestLockEncode(t *testing.T) {
	l := sampleLock()
	got := l.Encode()
	golden(t, "lock.golden", got)

	shuffled := sampleLock()
	for i, j := 0, len(shuffled.Distributions)-1; i < j; i, j = i+1, j-1 {
		shuffled.Distributions[i], shuffled.Distributions[j] = shuffled.Distributions[j], shuffled.Distributions[i]
	}
	p := shuffled.Distributions[2].Provides
	p[0], p[2] = p[2], p[0]
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
		"empty": {Date: time.Unix(0, 0).UTC(), Runtime: RuntimePin{Language: "perl", Version: "5", Source: SourcePin{Path: "p"}}},
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
	type source struct {
		Version, Path, URL, SHA256 string
		Size                       int64
		Requires                   []string
		Provides                   map[string]string
	}
	var doc struct {
		Version       int
		Date          time.Time
		Inputs        map[string]string
		Runtime       source
		Distributions map[string]source
	}
	l := sampleLock()
	if err := yaml.Unmarshal(l.Encode(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Inputs) != 4 || !doc.Date.Equal(l.Date) || doc.Runtime.URL != l.Runtime.Source.URL {
		t.Errorf("got %+v", doc)
	}
	for _, p := range l.Distributions {
		got := doc.Distributions[p.Name]
		if got.Version != p.Version || got.SHA256 != p.Source.SHA256.String() || !reflect.DeepEqual(got.Requires, p.Requires) {
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
	text = strings.ReplaceAll(text, "\nruntime:", "\n\n  # by hand\nruntime:")
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
		{"cut off", good[strings.Index(good, "    c_bytes"):], ""},
		{"newer format", "version: 1\n", "version: 2\nrevision: x\n"},
		{"no version", "version: 1\n", ""},
		{"version", "version: 1\n", "version: one\n"},
		{"date", "2024-01-31T12:30:15Z", "yesterday"},
		{"date with a zone", "12:30:15Z", "12:30:15+01:00"},
		{"merge conflict", "  Plack:\n", "<<<<<<< HEAD\n  Plack:\n"},
		{"odd indentation", "  Plack:\n", "   Plack:\n"},
		{"too deep", "  Plack:\n", "    Plack:\n"},
		{"unknown key", "    c_bytes: 0\n", "    weight: 0\n"},
		{"flow style", "    requires:\n      - DBI", "    requires: [DBI]\n      - DBI"},
		{"no item", "      - DBI\n", "      DBI\n"},
		{"not sorted", "  DBI:\n", "  XBI:\n"},
		{"twice", "      DBI::Gofer:", "      DBI:"},
		{"not closed", "      - DBI\n", "      - ABI\n"},
		{"itself", "      - DBI\n", "      - DBI\n      - Plack\n"},
		{"quotes", `"1.643"`, `"1.643`},
		{"after quotes", `"1.643"`, `"1.643" x`},
		{"no blank", `version: "1.643"`, `version:"1.643"`},
		{"sha256", digest.Sum([]byte("p")).String(), "abc"},
		{"size", "size: 12825392", "size: -1"},
		{"octal size", "size: 12825392", "size: 012"},
		{"path up", "M/MI/MIYAGAWA/modules/Plack", "M/../../x/Plack"},
		{"absolute path", "M/MI/MIYAGAWA/modules/Plack", "/etc/Plack"},
		{"section with a value", "inputs:\n", "inputs: none\n"},
		{"anchor", "  Plack:\n", "  &p Plack:\n"},
		{"trailing", good, good + "more: x\n"},
	} {
		_, err := ParseLock("envbuild.lock", []byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %T is no *Error", c.name, err)
		}
		fmt.Fprintf(&b, "== %s\n%v\n    %s\n  hint: %s\n", c.name, e, strings.ReplaceAll(e.Caret(), "\n", "\n    "), e.Hint())
	}
	golden(t, "badlock.golden", []byte(b.String()))
}

func TestDigestCoversEveryField(t *testing.T) {
	seen := map[digest.SHA256]string{sampleLock().Digest(): "nothing"}
	for name, change := range map[string]func(l *Lock){
		"input":    func(l *Lock) { l.Inputs[0].SHA256[0]++ },
		"inputs":   func(l *Lock) { l.Inputs = l.Inputs[1:] },
		"date":     func(l *Lock) { l.Date = l.Date.Add(time.Second) },
		"language": func(l *Lock) { l.Runtime.Language = "x" },
		"runtime":  func(l *Lock) { l.Runtime.Version = "x" },
		"path":     func(l *Lock) { l.Runtime.Source.Path = "x" },
		"url":      func(l *Lock) { l.Runtime.Source.URL = "x" },
		"sha256":   func(l *Lock) { l.Distributions[0].Source.SHA256[0]++ },
		"size":     func(l *Lock) { l.Distributions[0].Source.Size++ },
		"c bytes":  func(l *Lock) { l.Distributions[0].CBytes++ },
		"version":  func(l *Lock) { l.Distributions[0].Version = "x" },
		"name":     func(l *Lock) { l.Distributions[0].Name = "x" },
		"requires": func(l *Lock) { l.Distributions[1].Requires = []string{"DBI"} },
		"provides": func(l *Lock) { l.Distributions[0].Provides[0].Version = "x" },
		"module":   func(l *Lock) { l.Distributions[0].Provides[0].Name = "x" },
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
		{"patches/x.diff", digest.Sum(nil)}, {"runtime", digest.Sum([]byte("other"))},
		{"cpanfile", digest.Sum([]byte("other"))}, {"dependencies", l.Inputs[2].SHA256},
	})
	want := []string{
		"the file cpanfile changed since the lock was made",
		"the file cpanfile.snapshot is gone, from which the lock was made",
		"the section runtime of envbuild.yaml changed since the lock was made",
		"the file patches/x.diff is new since the lock was made",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add(sampleLock().Encode())
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
		src := SourcePin{Path: path, URL: version, SHA256: digest.Sum([]byte(name)), Size: 1}
		checkRoundTrip(t, &Lock{
			Inputs:  []LockInput{{name, digest.Sum([]byte(path))}},
			Date:    when,
			Runtime: RuntimePin{Language: name, Version: version, Source: src},
			Distributions: []Pin{
				{Name: name, Version: version, Source: src, Provides: []Module{{version, name}}},
				{Name: name + "x", Version: version, Source: src, Requires: []string{name}},
			},
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

func BenchmarkParseLock(b *testing.B) {
	l := sampleLock()
	l.Distributions = nil
	for i := range 200 {
		p := Pin{Name: fmt.Sprintf("Dist-%03d", i), Version: "1.0", Source: SourcePin{Path: "A/AB/X.tar.gz"}}
		for j := range 40 {
			p.Provides = append(p.Provides, Module{fmt.Sprintf("Dist::M%03d::N%02d", i, j), "1.05"})
		}
		l.Distributions = append(l.Distributions, p)
	}
	data := l.Encode()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ParseLock("envbuild.lock", data); err != nil {
			b.Fatal(err)
		}
	}
}
