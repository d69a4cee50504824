package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/envbuild/envbuild/internal/digest"
)

// Source returns the path of the archive with that digest. The first time that a
// process asks, the bytes are hashed: the name alone proves nothing. An archive
// that turns out damaged is dropped, reported to Options.Warn, and not there.
func (s *Store) Source(d digest.SHA256) (path string, ok bool) {
	path = s.entry(sourcesDir, d.String())
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() {
		return "", false
	}
	s.touch(path)
	if s.isProved(d) {
		return path, true
	}
	err := s.verifySource(d)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		s.warn(errors.Join(err, removeFile(path)))
	}
	if err != nil {
		return "", false
	}
	s.setProved(d)
	return path, true
}

// AddSource stores what fill writes. If want is not zero and the bytes have
// another digest, nothing is stored and the error is a *MismatchError; got and
// size say what came in any case. An error of fill is returned as it is. Several
// writers of one digest don't disturb each other.
func (s *Store) AddSource(want digest.SHA256, fill func(w io.Writer) error) (got digest.SHA256, size int64, err error) {
	f, err := s.tempFile()
	if err != nil {
		return got, 0, err
	}
	defer func() {
		if err != nil {
			err = s.explain(errors.Join(err, discard(f)))
		}
	}()
	hash := sha256.New()
	count := &countingWriter{w: f}
	if err := fill(io.MultiWriter(count, hash)); err != nil {
		return got, count.n, err
	}
	got = digest.SHA256(hash.Sum(nil))
	if !want.IsZero() && got != want {
		return got, count.n, &MismatchError{Want: want, Got: got, Size: count.n}
	}
	if err := s.commitUnsynced(f, s.entry(sourcesDir, got.String()), 0o444); err != nil {
		return got, count.n, err
	}
	s.setProved(got)
	return got, count.n, nil
}

// verifySource hashes an archive and fails with a *CorruptError or, if there is
// none, with ErrMissing.
func (s *Store) verifySource(d digest.SHA256) error {
	f, err := os.Open(s.entry(sourcesDir, d.String()))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("source %s: %w", d, ErrMissing)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	got, size, err := digest.SumReader(f)
	if err != nil {
		return err
	}
	if got != d {
		return &CorruptError{Entry: "source " + d.Short(), Problem: fmt.Sprintf("SHA-256 is %s (%d bytes)", got, size)}
	}
	return nil
}

func (s *Store) isProved(d digest.SHA256) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proved[d]
}

func (s *Store) setProved(d digest.SHA256) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proved[d] = true
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
