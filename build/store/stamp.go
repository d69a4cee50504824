package store

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/internal/digest"
)

// Stamp returns what SetStamp kept for the project, which is named by its
// directory. A damaged stamp isn't there.
func (s *Store) Stamp(project string) (data []byte, ok bool) {
	data, err := os.ReadFile(s.stampPath(project))
	if err != nil || len(data) < len(digest.SHA256{}) {
		return nil, false
	}
	sum, data := data[:len(digest.SHA256{})], data[len(digest.SHA256{}):]
	return data, digest.SHA256(sum) == digest.Sum(data)
}

// SetStamp keeps data for the project until the next garbage collection: what
// spares it finding out again what it has found out already. It isn't synced:
// after a power cut it may be damaged.
func (s *Store) SetStamp(project string, data []byte) error {
	f, err := s.tempFile()
	if err != nil {
		return err
	}
	sum := digest.Sum(data)
	_, err = f.Write(append(sum[:], data...))
	if err == nil {
		err = s.commitUnsynced(f, s.stampPath(project), 0o644)
	}
	if err != nil {
		return s.explain(errors.Join(err, discard(f)))
	}
	return nil
}

func (s *Store) stampPath(project string) string {
	return s.path(stampsDir, digest.Sum([]byte(project)).String())
}

// removeStamps deletes all stamps: they are made again.
func (s *Store) removeStamps() error {
	stamps, err := filepath.Glob(s.path(stampsDir, "*"))
	for _, path := range stamps {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
