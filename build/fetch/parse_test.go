package fetch

import (
	"path/filepath"
	"strings"
	"testing"
)

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
	for _, seed := range []string{"http://h/cpan", "file:///x", "directory", "https://user:hunter2@h", "://", "http://[::1]:80/%zz"} {
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
