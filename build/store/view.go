package store

import (
	"encoding/json"
	"os"

	"github.com/envbuild/envbuild/internal/digest"
)

// ViewPath is where the view of that name is or will be, on the store's file
// system: whoever makes it puts it there in one rename. The name is a plain file
// name and short, since real prefixes are at most 64 bytes long.
func (s *Store) ViewPath(name string) string { return s.path(viewsDir, name) }

// View returns the path of a view that has been published.
func (s *Store) View(name string) (path string, ok bool) {
	path = s.ViewPath(name)
	fi, err := os.Stat(path)
	return path, err == nil && fi.IsDir()
}

// Root is what a project uses: GC keeps it as long as the project's directory is
// there.
type Root struct {
	// Project is the absolute path of the project's directory.
	Project string `json:"project"`
	// Views are names of views.
	Views   []string        `json:"views,omitempty"`
	Outputs []digest.ID     `json:"outputs,omitempty"`
	Keys    []digest.Key    `json:"keys,omitempty"`
	Sources []digest.SHA256 `json:"sources,omitempty"`
}

// SetRoot notes what the project uses now, in the place of what it used before.
func (s *Store) SetRoot(r Root) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := s.path(rootsDir, digest.Sum([]byte(r.Project)).String())
	if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
		return nil
	}
	return s.write(path, data, 0o644)
}
