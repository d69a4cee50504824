package client

import (
	"io"
	"sync"
)

// watched tells what moves.
type watched struct {
	r     io.Reader
	moved func(n int)
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.moved(n)
	}
	return n, err
}

// sending is a body on its way. It remembers if it couldn't be read, which no
// server is to blame for.
type sending struct {
	watched
	close func() error

	mu     sync.Mutex // net/http reads in a goroutine of its own
	failed error
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.watched.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it as it is
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *sending) Close() error { return s.close() }

func (s *sending) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
