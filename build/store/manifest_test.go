package store

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
)

func sampleManifest() *Manifest {
	sum := digest.Sum([]byte("x"))
	return &Manifest{Entries: []tree.Entry{
		{Path: "a dir", Mode: 0o755, Kind: tree.Dir},
		{Path: "a dir/100%\xff\n", Mode: 0o644, Kind: tree.File, Size: 1, SHA256: sum},
		{Path: "a dir/link", Kind: tree.Symlink, Target: "../a b"},
		{Path: "bin", Mode: 0o755, Kind: tree.Dir},
		{Path: "bin/perl", Mode: 0o755, Kind: tree.File, Size: 1, SHA256: sum},
		{Path: "bin/perl5", Mode: 0o755, Kind: tree.Hardlink, Size: 1, SHA256: sum, Target: "bin/perl"},
	}}
}

func TestManifest(t *testing.T) {
	m := sampleManifest()
	encoded := m.Encode()
	want := fmt.Sprintf("envbuild-manifest-1\nd a%%20dir\nf - 1 %[1]v a%%20dir/100%%25%%FF%%0A\nl a%%20dir/link ../a%%20b\n"+
		"d bin\nf x 1 %[1]v bin/perl\nh bin/perl5 bin/perl\n", digest.Sum([]byte("x")))
	if string(encoded) != want {
		t.Errorf("encoded as\n%swant\n%s", encoded, want)
	}
	got, err := ParseManifest(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(m) || got.ID() != m.ID() {
		t.Errorf("parsed as %v", got)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	sum := digest.Sum(nil).String()
	for name, lines := range map[string]string{
		"absolute":            "d /a\n",
		"outside":             "d ..\n",
		"outside below":       "d ../a\n",
		"not clean":           "d a//b\n",
		"itself":              "d .\n",
		"empty path":          "d \n",
		"out of order":        "d b\nd a\n",
		"twice":               "d a\nd a\n",
		"no parent":           "d a/b\n",
		"parent is a link":    "l a /etc\nd a/b\n",
		"unknown kind":        "c a\n",
		"missing fields":      "f - 0 a\n",
		"negative":            "f - -1 " + sum + " a\n",
		"size in other form":  "f - +1 " + sum + " a\n",
		"digest":              "f - 1 xyz a\n",
		"upper-case digest":   "f - 1 " + strings.ToUpper(sum) + " a\n",
		"mark":                "f y 1 " + sum + " a\n",
		"needless escape":     "d %41\n",
		"lower-case escape":   "d %0a\n",
		"half an escape":      "d a%2\n",
		"NUL":                 "d %00\n",
		"unescaped":           "d ü\n",
		"link to nowhere":     "l a \n",
		"name of nothing":     "h a b\n",
		"name of a later one": "h a b\nf - 1 " + sum + " b\n",
		"no end of line":      "d a",
	} {
		if m, err := ParseManifest([]byte(manifestHeader + lines)); err == nil {
			t.Errorf("%s: accepted as %v", name, m)
		}
	}
	if _, err := ParseManifest([]byte("envbuild-manifest-2\n")); err == nil {
		t.Error("another format was accepted")
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add(sampleManifest().Encode())
	f.Add([]byte(manifestHeader))
	f.Add([]byte(manifestHeader + "d a\nl a/b %2F\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err == nil && !bytes.Equal(m.Encode(), data) {
			t.Errorf("%q is encoded again as %q", data, m.Encode())
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	f.Add("\"perl\" \"5.36.0\" 1000\n")
	f.Add("\"a \\\" b\" \"\" 0\n")
	f.Fuzz(func(t *testing.T, line string) {
		v, d, ok := parseDuration(line)
		if !ok {
			return
		}
		again, d2, ok := parseDuration(formatDuration(v, d))
		if !ok || again != v || d2 != d {
			t.Errorf("%v %v became %v %v", v, d, again, d2)
		}
	})
}

func TestCompactDurations(t *testing.T) {
	s := &Store{root: t.TempDir(), opts: Options{Now: time.Now}}
	s.temp.parent = s.path(tempDir)
	for i := range 3 {
		for _, v := range []string{"9", "10"} {
			if err := s.recordDuration(&Action{Step: "a", Version: v, Duration: time.Duration(i) * time.Second}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.recordDuration(&Action{Step: "a", Version: "9", Duration: time.Minute}); err != nil {
		t.Fatal(err)
	}
	before := s.readDurations()
	if err := s.compactDurations(); err != nil {
		t.Fatal(err)
	}
	if after := s.readDurations(); fmt.Sprint(after) != fmt.Sprint(before) || before[stepVersion{"a", ""}] != time.Minute {
		t.Errorf("%v became %v", before, after)
	}
}
