package perl

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

var _ lang.Identifier = (*Perl)(nil)

func TestIdentity(t *testing.T) {
	sum := digest.Sum([]byte("x"))
	runtime := New().RuntimeIdentity(pkgspec.RuntimePin{Version: "5.36.3", Sources: []pkgspec.SourcePin{{SHA256: sum}}})
	if want := "pkg:generic/perl@5.36.3?checksum=sha256:" + sum.String(); runtime.PURL != want {
		t.Errorf("runtime %s", runtime.PURL)
	}
	if runtime.CPE != "cpe:2.3:a:perl:perl:5.36.3:*:*:*:*:*:*:*" || !isSPDX(runtime.License) {
		t.Errorf("runtime %+v", runtime)
	}
	for path, want := range map[string]string{
		"M/MI/MIYAGAWA/Plack-1.0050.tar.gz":         "pkg:cpan/MIYAGAWA/Plack@1.0050",
		"M/MI/MIYAGAWA/modules/Plack-1.0050.tar.gz": "pkg:cpan/MIYAGAWA/Plack@1.0050",
		"Plack-1.0050.tar.gz":                       "pkg:generic/Plack@1.0050?checksum=sha256:" + sum.String() + "&download_url=https:%2F%2Fexample.org%2FPlack-1.0050.tar.gz",
	} {
		pin := pkgspec.Pin{Name: "Plack", Version: "1.0050", License: "MIT", Sources: []pkgspec.SourcePin{{Path: path, SHA256: sum}}}
		if filepath.Base(path) == path {
			pin.Sources[0].URL = "https://example.org/" + path
		}
		if got := New().DistributionIdentity(pin); got.PURL != want || got.License != "MIT" {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestNotice(t *testing.T) {
	pin := pkgspec.Pin{Name: "Odd", Version: "1", Sources: []pkgspec.SourcePin{{Path: "A/AB/ABC/Odd-[1]*.tar.gz"}}}
	for text, want := range map[string][]string{
		`{"author": ["A. Author <a@example.org>", " A.  Author <a@example.org>", "unknown", "B"]}`: {"A. Author <a@example.org>", "B"},
		`{"author": "Single"}`:  {"Single"},
		`{}`:                    nil,
		`{"author": [{"a":1}]}`: nil,
		`not JSON`:              nil,
		"":                      nil,
	} {
		tree := t.TempDir()
		dir := filepath.Join(tree, "lib/perl5/x86_64-linux/.meta/Odd-[1]*")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "MYMETA.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range map[string]string{"COPYING": "a\n", "LICENSE": "b\n", "install.json": "{}"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := New().Notice(pin, tree)
		if err != nil || !slices.Equal(got.Authors, want) || got.Terms != "a\n\nb" {
			t.Errorf("%s: %q %v", text, got, err)
		}
	}
}
