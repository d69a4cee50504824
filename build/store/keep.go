package store

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/internal/tree"
)

// keptDir holds directories that people asked to keep.
const keptDir = "kept"

// Keep moves a directory of TempDir to a place that outlives the process, in the
// place of what was kept under that name before (a key, not a path), and returns its path.
func (s *Store) Keep(dir, name string) (string, error) {
	place := s.path(keptDir, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o755), tree.RemoveAll(place))
	if err != nil {
		return "", err
	}
	return place, os.Rename(dir, place)
}
