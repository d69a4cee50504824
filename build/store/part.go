package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/envbuild/envbuild/internal/digest"
)

// Part returns compressed data that was put under the key. What was damaged since
// is dropped, reported to Options.Warn, and not there.
func (s *Store) Part(key digest.Key) (part []byte, ok bool) {
	part, err := s.readPart(key)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		s.warn(errors.Join(err, removeFile(s.entry(partsDir, key.String()))))
	}
	if err != nil {
		return nil, false
	}
	s.touch(s.entry(partsDir, key.String()))
	return part, true
}

// PutPart keeps compressed data that can be made again. Since its digest is
// written with it and asked for each time, nothing waits for the disk.
func (s *Store) PutPart(key digest.Key, part []byte) error {
	sum := sha256.Sum256(part)
	return s.fill(s.entry(partsDir, key.String()), 0o444, s.commitUnsynced, sum[:], part)
}

// readPart fails with a *CorruptError or, if there is none, with ErrMissing.
func (s *Store) readPart(key digest.Key) ([]byte, error) {
	data, err := os.ReadFile(s.entry(partsDir, key.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("part %s: %w", key.Short(), ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	if len(data) < sha256.Size {
		return nil, &CorruptError{Entry: "part " + key.Short(), Problem: "it has no digest"}
	}
	part := data[sha256.Size:]
	if sum := sha256.Sum256(part); !bytes.Equal(sum[:], data[:sha256.Size]) {
		return nil, &CorruptError{Entry: "part " + key.Short(), Problem: fmt.Sprintf("SHA-256 is %x", sum)}
	}
	return part, nil
}
