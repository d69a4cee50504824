package repo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
)

func sample() *generation {
	sum := digest.Sum([]byte("x"))
	id := indexID{packagesKind, "main", "amd64"}
	return &generation{
		Format: generationFormat, Number: 7, Date: time.Unix(1700000000, 0).UTC(), Action: "add hello 1.0 all",
		Parent: &generationRef{6, sum},
		Settings: Settings{
			Distribution: "bookworm", Suite: "stable", Origin: "Örigin", Label: "Label", Description: "One line",
			Components: []string{"main"}, Architectures: []string{"amd64", "arm64"},
		},
		Indexes: []indexRef{{indexID: id, Packages: 3, Table: sum, Files: map[string]fileRef{
			"": {10, sum, false}, ".gz": {20, sum, true}, ".xz": {30, sum, true},
		}}},
	}
}

func FuzzRelease(f *testing.F) {
	f.Add(releaseOf(sample(), generationRef{7, digest.Sum(nil)}).encode())
	f.Add([]byte("Date: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRelease(text)
		if err != nil {
			return
		}
		again, err := parseRelease(r.encode())
		if err != nil {
			if strings.ContainsAny(r.origin+r.label+r.suite+r.codename+r.description, "\n") {
				return // fields of several lines aren't ours
			}
			t.Fatalf("what was written can't be read: %v\n%s", err, r.encode())
		}
		if !bytes.Equal(again.encode(), r.encode()) {
			t.Errorf("written again it differs:\n%s\n%s", r.encode(), again.encode())
		}
		for _, file := range r.files {
			if strings.HasPrefix(file.name, "/") || strings.HasPrefix(file.name, "../") {
				t.Errorf("file %q leaves the directory", file.name)
			}
		}
	})
}

func FuzzGeneration(f *testing.F) {
	b, err := sample().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":1,"indexes":[{"kind":"Packages","files":{"":{}}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGeneration(data)
		if err != nil {
			return
		}
		for _, ix := range g.Indexes {
			for v := plain; v < variants; v++ {
				name := distsDir + g.Settings.Distribution + "/" + ix.file(v)
				if strings.Contains(name, "..") && !strings.Contains(ix.Component+ix.Architecture+g.Settings.Distribution, "..") {
					t.Errorf("file %q", name)
				}
			}
		}
		_ = releaseOf(g, generationRef{1, digest.Sum(nil)}).encode()
		if _, err := g.encode(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzTable(f *testing.F) {
	t := &table{base: 1, parts: []part{
		{sum: digest.Sum(nil), size: 300, gzip: 20, entries: []entry{{1, 100}, {2, 200}}}, {size: 0},
	}}
	t.states[plain] = []byte("state")
	f.Add(t.encode())
	f.Add([]byte(tableMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseTable(data)
		if err != nil {
			return
		}
		again, err := parseTable(table.encode())
		if err != nil || !bytes.Equal(again.encode(), table.encode()) {
			t.Errorf("what was written can't be read: %v", err)
		}
		for v := plain; v < variants; v++ {
			if n := table.offset(len(table.parts), v); n < 0 {
				t.Errorf("offset %d", n)
			}
		}
	})
}

func FuzzStanza(f *testing.F) {
	c := Bytes([]byte("x"))
	k := key{"hello", "1:1.0-1", "amd64"}
	f.Add(stanzaOf([]reader.Field{{Name: "Version", Value: k.version}, {Name: "Package", Value: k.name}, {Name: "Architecture", Value: k.arch},
		{Name: "Description", Value: "short\n long"}, {Name: "Conffiles", Value: "\n /etc/x abc"}}, poolName(k), c))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseStanza(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(s.file, "pool/") || strings.Contains(s.file, "/../") {
			t.Errorf("file %q", s.file)
		}
		if name := poolName(s.key); !Immutable(name) || strings.Contains(name, "..") && !strings.Contains(s.version, "..") {
			t.Errorf("%s is in %q", s.key, name)
		}
	})
}

func FuzzConfig(f *testing.F) {
	b, err := config{Format: configFormat, Name: "internal", Distributions: []string{"bookworm"}, Keys: []byte{1}, Serial: 1}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		for _, d := range c.Distributions {
			if strings.HasPrefix(inRelease(d), "dists/../") || strings.Contains(d, "/../") {
				t.Errorf("distribution %q", d)
			}
		}
	})
}

func FuzzSelector(f *testing.F) {
	f.Add("hello:amd64=1:1.0")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		if err != nil {
			return
		}
		if again, err := ParseSelector(s.String()); err != nil || again != s {
			t.Errorf("%q is read as %+v and again as %+v, %v", text, s, again, err)
		}
	})
}

// TestPoolName pins the layout: clients and mirrors keep what it says.
func TestPoolName(t *testing.T) {
	for _, c := range []struct {
		key
		want string
	}{
		{key{"hello", "1.0-1", "amd64"}, "pool/h/hello/hello_1.0-1_amd64.deb"},
		{key{"libfoo1", "2:1.0", "all"}, "pool/libf/libfoo1/epoch-2/libfoo1_1.0_all.deb"},
		{key{"lib", "1", "all"}, "pool/l/lib/lib_1_all.deb"},
		{key{"g++", "4:12.2.0-3~x+y", "amd64"}, "pool/g/g++/epoch-4/g++_12.2.0-3~x+y_amd64.deb"},
	} {
		if got := poolName(c.key); got != c.want {
			t.Errorf("%s is in %s, want %s", c.key, got, c.want)
		}
	}
}

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"1.0": true, "1:1.0-1~bookworm1+b1": true, "20240101": true, "A.b": true,
		"": false, ":1": false, "x:1": false, "1:2:3": false, "1/2": false, "-1": false, ".1": false, "1 2": false, "1\x102": false, "1_2": false, "1ä": false,
	} {
		if got := validVersion(s); got != want {
			t.Errorf("validVersion(%q) = %t", s, got)
		}
	}
	for s, want := range map[string]bool{
		"bookworm": true, "bookworm/updates": true, "stable-x": true, "Focal": true,
		"": false, "..": false, "a/..": false, "a//b": false, "/a": false, "a/": false, ".a": false, "a b": false, "a\n": false,
	} {
		if got := validDist(s); got != want {
			t.Errorf("validDist(%q) = %t", s, got)
		}
	}
}
