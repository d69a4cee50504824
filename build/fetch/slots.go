package fetch

import (
	"context"
	"sync"
)

// slots limits how many downloads run at once, in all and from one host.
type slots struct {
	all     chan struct{}
	perHost int

	mu    sync.Mutex
	hosts map[string]chan struct{}
}

func newSlots(parallel, perHost int) *slots {
	return &slots{all: make(chan struct{}, parallel), perHost: perHost, hosts: map[string]chan struct{}{}}
}

// acquire waits for the host first, so that those who wait for a slow one don't
// keep others from going on.
func (s *slots) acquire(ctx context.Context, host string) (release func(), err error) {
	s.mu.Lock()
	own := s.hosts[host]
	if own == nil {
		own = make(chan struct{}, s.perHost)
		s.hosts[host] = own
	}
	s.mu.Unlock()
	if err := enter(ctx, own); err != nil {
		return nil, err
	}
	if err := enter(ctx, s.all); err != nil {
		<-own
		return nil, err
	}
	return func() { <-s.all; <-own }, nil
}

func enter(ctx context.Context, slot chan struct{}) error {
	select {
	case slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
