package client

import (
	"errors"
	"io"
	"sync"
)

// sending is a body on its way. It tells how much of it has been sent, and
// remembers if it couldn't be read, which no server is to blame for.
type sending struct {
	io.ReadCloser
	sent func(n int64) // may be nil

	mu     sync.Mutex // net/http reads in a goroutine of its own
	n      int64
	failed error
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.mu.Lock()
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	total := s.n
	s.mu.Unlock()
	if n > 0 && s.sent != nil {
		s.sent(total)
	}
	return n, err
}

func (s *sending) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
