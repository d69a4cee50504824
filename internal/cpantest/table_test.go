package cpantest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSampleTable(t *testing.T) {
	rows, err := parseTable(sampleTable)
	if err != nil {
		t.Fatal(err)
	}
	recipes, err := parseRecipes(rolledMeta)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if mine := strings.HasPrefix(r.Path, Dist{}.Path()[:len("E/EN/ENVBUILD/")]); mine != (r.Mirror == Private) {
			t.Errorf("%s is in %s", r.Path, r.Mirror)
		}
		if _, ok := recipes[r.release()]; ok != r.rolled() {
			t.Errorf("%s is rolled: %v, in rolled.json: %v", r.release(), r.rolled(), ok)
		}
		if r.Mirror == CPAN && strings.ContainsAny(filepath.Base(r.Pool), "+~") {
			t.Errorf("%s: Debian changed %s", r.Path, r.Pool)
		}
	}
	if !slices.IsSortedFunc(rows, func(a, b row) int {
		return strings.Compare(a.Mirror+"\t"+a.Path, b.Mirror+"\t"+b.Path)
	}) {
		t.Error("mirror.tsv is not sorted")
	}
}

// The snapshot and the mirror name the same archives.
func TestSnapshotMatchesTable(t *testing.T) {
	text, err := os.ReadFile(sampleSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parseTable(sampleTable)
	if err != nil {
		t.Fatal(err)
	}
	inTable := map[string]bool{}
	for _, r := range rows {
		inTable[r.Path] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^    pathname: (.*)$`).FindAllStringSubmatch(string(text), -1) {
		if !inTable[m[1]] {
			t.Errorf("the mirror lacks %s", m[1])
		}
		delete(inTable, m[1])
	}
	for path := range inTable {
		t.Errorf("the snapshot doesn't need %s", path)
	}
}

func TestParseTableErrors(t *testing.T) {
	const sum = "1dbe127ea371d5e901cfb25e8039c4dd6e5b57b9ce4b9563f7ded20bc676087b"
	good := "cpan\tA/AB/ABE/X-1.tar.gz\t" + sum + "\tpool/x.orig.tar.gz"
	tests := []struct{ text, want string }{
		{"cpan\tx", "mirror.tsv:1: 2 columns"},
		{"# comment\n\nbackpan\tx.tar.gz\t" + sum + "\tpool/x", "mirror.tsv:3: \"backpan\" is neither"},
		{"cpan\t../x.tar.gz\t" + sum + "\tpool/x", "relative path"},
		{"cpan\tx.tar.gz\t" + sum + "\t/etc/passwd", "relative path"},
		{"cpan\tx.zip\t" + sum + "\tpool/x", "no .tar.gz"},
		{"cpan\tx.tar.gz\tabc\tpool/x", "SHA-256"},
		{"private\tx.tar.gz\t" + sum + "\tpool/x.deb", "fifth column"},
		{"private\tx.tar.gz\t" + sum + "\tpool/x.deb\tabc", "SHA-256"},
		{good + "\n" + good, "mirror.tsv:2: A/AB/ABE/X-1.tar.gz is there twice"},
	}
	for _, tt := range tests {
		if _, err := parseTable(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: the error is %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(sampleTable)
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseTable(text)
		for _, r := range rows {
			if err == nil && (!isLocal(r.Path) || !isLocal(r.Pool)) {
				t.Errorf("%+v", r)
			}
		}
	})
}
