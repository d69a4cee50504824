// Package ui shows a person or a program what a build does: as a view that is
// redrawn on a terminal, as plain lines, or as JSON lines. All three read the
// same events (design.md §2.10). It also renders errors, with their hints.
package ui

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/envbuild/envbuild/build"
)

// Options say where and for whom the events are shown.
type Options struct {
	// Out is standard error.
	Out *os.File
	// Getenv reads a variable of the environment, as os.Getenv does.
	Getenv func(name string) string
	// Quiet shows only warnings and failures. JSON lines are not affected.
	Quiet bool
	// Verbose also shows every cached step, every start, and every place that
	// did not have what it was asked for. JSON lines are not affected.
	Verbose bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// UI shows events. Its methods may be called from several goroutines.
type UI struct {
	mu     sync.Mutex // held while the view works
	view   view       // nil shows nothing
	shown  map[*build.StepError]bool
	closed bool

	stop chan struct{}
	done sync.WaitGroup
}

// view is one way to show events. Its methods are never called at the same time.
type view interface {
	// handle shows an event. It reports whether a failure's log has been shown.
	handle(e build.Event) bool
	// close says what is left to say and leaves the output as it was.
	close() error
}

// clocked is a view that shows how time goes by.
type clocked interface{ tick() }

// tickInterval is the time between two frames.
const tickInterval = 100 * time.Millisecond

// New returns a UI that shows events in the mode auto, plain, json or none; any
// other is an error. Auto is a view that is redrawn where Out is a terminal that
// can do so, except in a CI system and where Quiet leaves little to see; else it
// is plain.
func New(mode string, opts Options) (*UI, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	v, err := newView(mode, opts, hostOf(opts.Out, opts.Getenv))
	if err != nil {
		return nil, err
	}
	u := newUI(v)
	if c, ok := v.(clocked); ok {
		ticker := time.NewTicker(tickInterval)
		u.goTick(c, ticker.C, ticker.Stop)
	}
	if l, ok := v.(*liveView); ok {
		u.goSignals(l)
	}
	return u, nil
}

func newUI(v view) *UI {
	return &UI{view: v, shown: map[*build.StepError]bool{}, stop: make(chan struct{})}
}

func newView(mode string, opts Options, h host) (view, error) {
	switch mode {
	case "none":
		return nil, nil
	case "json":
		return newJSONView(opts.Out), nil
	case "plain":
		return newPlainView(opts.Out, opts, h), nil
	case "auto":
		if h.terminal && !h.ci && !opts.Quiet {
			return newLiveView(newScreen(opts.Out, terminalState(opts.Out)), opts, h), nil
		}
		return newPlainView(opts.Out, opts, h), nil
	}
	return nil, fmt.Errorf("unknown kind of progress %q", mode)
}

// Handle shows an event. After Close it does nothing.
func (u *UI) Handle(e build.Event) {
	u.locked(func() {
		var step *build.StepError
		if u.view != nil && u.view.handle(e) && errors.As(e.Err, &step) {
			u.shown[step] = true
		}
	})
}

// Shown returns err such that RenderError doesn't repeat the logs of failed
// steps that have been shown already. A nil error stays nil.
func (u *UI) Shown(err error) error {
	if err == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	steps := make(map[*build.StepError]bool, len(u.shown))
	for s := range u.shown {
		steps[s] = true
	}
	return &shownError{err: err, steps: steps}
}

// Close ends the view and leaves the terminal as it was. Only the first call
// does something. An error says that JSON lines could not be written; what other
// views couldn't write doesn't fail a build.
func (u *UI) Close() error {
	var err error
	u.locked(func() {
		u.closed = true
		close(u.stop)
		if u.view != nil {
			err = u.view.close()
		}
	})
	u.done.Wait()
	return err
}

// locked calls f alone, unless the UI is closed.
func (u *UI) locked(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.closed {
		f()
	}
}

// goTick calls the view's tick until the UI is closed.
func (u *UI) goTick(c clocked, ticks <-chan time.Time, stop func()) {
	u.done.Go(func() {
		defer stop()
		for {
			select {
			case <-u.stop:
				return
			case <-ticks:
				u.locked(c.tick)
			}
		}
	})
}
