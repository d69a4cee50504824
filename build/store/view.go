package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
	"golang.org/x/sys/unix"
)

// ViewPath is where the view of that name is or will be. The name should be
// short: real prefixes are at most 64 bytes long.
func (s *Store) ViewPath(name string) string { return s.path(viewsDir, name) }

// View returns the path of a view that has been published.
func (s *Store) View(name string) (path string, ok bool) {
	path = s.ViewPath(name)
	fi, err := os.Stat(path)
	return path, err == nil && fi.IsDir() && validViewName(name)
}

// PublishView makes dir, which must be on the store's file system, the view of
// that name, in one rename. A view that has the name already is exchanged and
// removed.
func (s *Store) PublishView(name, dir string) (path string, err error) {
	if !validViewName(name) {
		return "", fmt.Errorf("%q can't name a view: %w", name, fs.ErrInvalid)
	}
	path = s.ViewPath(name)
	err = atomicfile.Rename(dir, path)
	if !errors.Is(err, fs.ErrExist) {
		return path, s.explain(err)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE); err != nil {
		return "", &os.LinkError{Op: "exchange", Old: dir, New: path, Err: err}
	}
	return path, errors.Join(atomicfile.SyncDir(filepath.Dir(path)), removeAll(dir))
}

func validViewName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "/\x00") && name[0] != '.'
}

// Root is what a project uses: GC keeps it as long as the project's folder is
// there.
type Root struct {
	// Project is the absolute path of the project's folder.
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
