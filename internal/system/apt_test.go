package system

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAptMirrors(t *testing.T) {
	m := newMachine(t, map[string]string{
		"etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
		"etc/apt/sources.list": `# comment
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
		"etc/apt/sources.list.d/third.list":  "deb https://apt.example cloud-sdk-bookworm main\ndeb https://docker.example bookworm stable\n",
		"etc/apt/sources.list.d/ignored.txt": "deb http://ignored.example bookworm main\n",
		"etc/apt/sources.list.d/debian.sources": `Types: deb deb-src
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
	got, err := m.AptMirrors()
	want := []string{
		"http://one.example/debian", "http://two.example/debian", "file:///srv/debian", "http://both.example/debian",
		"http://security.example/debian-security",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := Open(t.TempDir()).AptMirrors(); err != nil || len(got) != 0 {
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
					t.Errorf("%q: %q is not a word", text, word)
				}
			}
		}
	})
}
