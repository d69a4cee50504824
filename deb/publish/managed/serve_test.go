package managed_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/envbuild/envbuild/deb/publish/managed"
)

// TestHandler hides what publishers keep, and tells caches what never changes.
func TestHandler(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{".envbuild/repository.json", "dists/x/InRelease", "dists/x/main/by-hash/SHA256/00", "pool/a/a.deb"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(managed.Handler(root))
	defer s.Close()
	const forever = "public, max-age=31536000, immutable"
	for name, want := range map[string]struct {
		code  int
		cache string
	}{
		"dists/x/InRelease":              {200, "no-cache"},
		"dists/x/main/by-hash/SHA256/00": {200, forever},
		"pool/a/a.deb":                   {200, forever},
		"pool/a/none.deb":                {404, ""},
		".envbuild/repository.json":      {404, ""},
		"pool/../.envbuild/":             {404, ""},
	} {
		resp, err := http.Get(s.URL + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want.code || resp.Header.Get("Cache-Control") != want.cache {
			t.Errorf("%s: %s, Cache-Control %q", name, resp.Status, resp.Header.Get("Cache-Control"))
		}
	}
}
