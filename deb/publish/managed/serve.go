package managed

import (
	"net/http"
	"path"
	"strings"
)

// Handler serves a repository's directory: what clients ask for, and nothing of
// what publishers keep.
func Handler(root string) http.Handler {
	files := http.FileServer(http.Dir(root))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean("/" + r.URL.Path)
		if strings.Contains(name, "/.") {
			http.NotFound(w, r)
			return
		}
		if strings.Contains(name, "/by-hash/") || strings.HasPrefix(name, "/pool/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		files.ServeHTTP(w, r)
	})
}
