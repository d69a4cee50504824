package fetch

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func writeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, "etc", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAptMirrors(t *testing.T) {
	root := writeRoot(t, map[string]string{
		"os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
		"apt/sources.list": `# comment
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb [ arch=amd64 signed-by=/x ] http://security.example/debian-security/ bookworm-security main # first
deb http://one.example/debian bookworm main contrib
deb-src http://one.example/debian/ bookworm main
deb mirror+http://list.example/mirrors.txt bookworm main
deb http://old.example/debian bullseye main
deb [broken http://x.example bookworm main
deb http://short.example
rpm http://no.example bookworm main
`,
		"apt/sources.list.d/third.list":  "deb https://apt.example cloud-sdk-bookworm main\ndeb https://docker.example bookworm stable\n",
		"apt/sources.list.d/ignored.txt": "deb http://ignored.example bookworm main\n",
		"apt/sources.list.d/debian.sources": `Types: deb deb-src
# a comment
URIs: http://two.example/debian
  file:///srv/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 URIs: http://key.example

Types: deb
URIs: http://both.example/debian
Suites: bookworm-security bookworm
Components: main

Types: deb
Enabled: no
URIs: http://disabled.example
Suites: bookworm
Components: main
`,
	})
	got, err := AptMirrors(root)
	want := []string{
		"http://one.example/debian", "http://two.example/debian", "file:///srv/debian", "http://both.example/debian",
		"http://security.example/debian-security",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := AptMirrors(t.TempDir()); err != nil || len(got) != 0 {
		t.Errorf("without apt: %q, %v", got, err)
	}
}

func FuzzParseSources(f *testing.F) {
	f.Add("deb [a=b] http://x bookworm main\n")
	f.Add("Types: deb\nURIs: http://x\n y\nSuites: a b\nComponents: main\n\nTypes: deb")
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range append(parseSourcesList(text), parseDeb822Sources(text)...) {
			if e.uri == "" || e.suite == "" {
				t.Errorf("%q: %+v", text, e)
			}
			for _, word := range append([]string{e.uri, e.suite}, e.components...) {
				if !reflect.DeepEqual(strings.Fields(word), []string{word}) {
					t.Errorf("%q: %q is no word", text, word)
				}
			}
		}
	})
}

func TestParsePlace(t *testing.T) {
	f := New(Options{Dir: "/project"})
	for _, c := range []struct{ base, path, want string }{
		{"http://h", "a/b", "http://h/a/b"},
		{"http://h/cpan/", "a/b", "http://h/cpan/a/b"},
		{"http://h/cpan?t=1", "a", "http://h/cpan/a?…"},
		{"https://u:p@h:8443/", "a b%+?#/c", "https://h:8443/a%20b%25+%3F%23/c"},
		{"http://h/x.tar.gz", "", "http://h/x.tar.gz"},
		{"mirror/private", "a", "/project/mirror/private/a"},
		{"/srv/a:b", "a", "/srv/a:b/a"},
		{"file:///srv/x%20y/", "a", "/srv/x y/a"},
		{"file://localhost/srv", "a", "/srv/a"},
	} {
		p, err := f.parse(c.base, c.path)
		if err != nil || p.String() != c.want {
			t.Errorf("%s + %s: %s, %v; want %s", c.base, c.path, p, err, c.want)
		}
	}
	for _, path := range []string{"..", "../x", "/etc/passwd", "a//b", "a/../b", "."} {
		if p, err := f.parse("/srv", path); err == nil {
			t.Errorf("%q leads to %s", path, p)
		}
	}
}

func FuzzParsePlace(f *testing.F) {
	for _, seed := range []string{"http://h/cpan", "file:///x", "folder", "https://user:hunter2@h", "://", "http://[::1]:80/%zz"} {
		f.Add(seed, "a/b")
	}
	fetcher := New(Options{Dir: "/project"})
	f.Fuzz(func(t *testing.T, base, path string) {
		p, err := fetcher.parse(base, path)
		if err == nil && p.url == nil && path != "" && !strings.HasPrefix(p.file, filepath.Clean(p.root)) {
			t.Errorf("%q + %q leads to %q", base, path, p.file)
		}
	})
}

func FuzzParseCodename(f *testing.F) {
	f.Add("ID=debian\nVERSION_CODENAME=\"bookworm\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := parseCodename(text); strings.Contains(got, "\n") || !strings.Contains(text, got) {
			t.Errorf("%q", got)
		}
	})
}
