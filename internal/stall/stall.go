// Package stall ends HTTP requests in which nothing moves.
package stall

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Error says that nothing moved for too long.
type Error struct{ After time.Duration }

func (e *Error) Error() string { return fmt.Sprintf("nothing moved for %v", e.After) }

// Timeout makes it a net.Error's: the same may work later.
func (e *Error) Timeout() bool { return true }

// Transport sends requests through next, and ends each with an *Error when
// neither its body nor that of its answer moves for that long.
func Transport(next http.RoundTripper, after time.Duration) http.RoundTripper {
	return &transport{next, after}
}

type transport struct {
	next  http.RoundTripper
	after time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	reason := &Error{t.after}
	timer := time.AfterFunc(t.after, func() { cancel(reason) })
	w := &watch{ctx: ctx, timer: timer, after: t.after, done: func() { timer.Stop(); cancel(nil) }}
	sent := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		sent.Body = &body{ReadCloser: req.Body, watch: w}
	}
	resp, err := t.next.RoundTrip(sent)
	if err != nil {
		err = w.explain(err)
		w.done()
		return nil, err
	}
	w.move()
	resp.Body = &body{ReadCloser: resp.Body, watch: w, last: true}
	return resp, nil
}

// watch is the clock of one request.
type watch struct {
	ctx   context.Context
	timer *time.Timer
	after time.Duration
	done  func()
}

func (w *watch) move() { w.timer.Reset(w.after) }

// explain returns why the request was ended, if it was.
func (w *watch) explain(err error) error {
	if stalled, ok := context.Cause(w.ctx).(*Error); ok { //nolint:errorlint // it is set as it is
		return stalled
	}
	return err
}

type body struct {
	io.ReadCloser
	watch *watch
	last  bool // the answer's
	once  sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.move()
	}
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it as it is
		err = b.watch.explain(err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	if b.last {
		b.once.Do(b.watch.done)
	}
	return err
}
