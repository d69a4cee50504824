package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// steadyLoad asks a web server steadily, from several clients at once, and counts.
type steadyLoad struct {
	web     *http.Client
	address string
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu       sync.Mutex
	requests int
	failures []string
	reports  []slowAnswer
	enough   chan struct{} // closed at wanted requests
	wanted   int
}

// slowAnswer is the answer to a slow request, which loads a module at its end.
type slowAnswer struct {
	// Version is the module's, Application that of the code that served it.
	Version, Application, File string
	began, ended               time.Time
}

// newLoad starts the clients: fast ones that read pages, and slow ones that wait
// for seconds and then have a module loaded.
func (s *aptServer) newLoad(t *testing.T, wanted int) *steadyLoad {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &steadyLoad{web: s.web, address: webURL, stop: stop, enough: make(chan struct{}), wanted: wanted}
	for i := range 6 {
		page := []string{"/notes", "/static/notes.css", "/"}[i%3]
		l.clients.Go(func() { l.repeat(ctx, page, pace) })
	}
	for _, page := range []string{"/report?wait=3", "/report?wait=5", "/report?wait=8"} {
		l.clients.Go(func() { l.repeat(ctx, page, time.Nanosecond) })
	}
	return l
}

// pace is how often a fast client asks. All of them together leave the processors
// some time: a server that has none left fails by itself.
const pace = 30 * time.Millisecond

// repeat asks for a page until the load ends. A request that was begun is always
// finished: only the server can make it fail.
func (l *steadyLoad) repeat(ctx context.Context, page string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r := slowAnswer{began: time.Now()}
		body, err := l.ask(page)
		r.ended = time.Now()
		if err == nil && strings.HasPrefix(page, "/report") {
			err = json.Unmarshal(body, &r)
		}
		l.count(page, r, err)
	}
}

func (l *steadyLoad) ask(page string) ([]byte, error) {
	res, err := l.web.Get(l.address + page)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	if err == nil && len(body) == 0 {
		err = errors.New("an empty answer")
	}
	return body, err
}

func (l *steadyLoad) count(page string, r slowAnswer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if l.requests == l.wanted {
		close(l.enough)
	}
	if err == nil && r.Version != r.Application {
		err = fmt.Errorf("WebNotes %s loaded the module of %s", r.Application, r.Version)
	}
	switch {
	case err != nil:
		l.failures = append(l.failures, fmt.Sprintf("%s %s: %v", r.ended.Format(time.StampMilli), page, err))
	case r.Version != "":
		l.reports = append(l.reports, r)
	}
}

// end waits until there were enough requests, ends the load, and fails the test
// if a request failed. It returns the answers to the slow ones.
func (l *steadyLoad) end(t *testing.T) []slowAnswer {
	t.Helper()
	select {
	case <-l.enough:
	case <-t.Context().Done():
	}
	l.stop()
	l.clients.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range l.failures {
		if i == 10 {
			break
		}
		t.Error(f)
	}
	t.Logf("%d requests, %d of them slow, %d failed", l.requests, len(l.reports), len(l.failures))
	return l.reports
}
