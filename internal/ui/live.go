package ui

import (
	"cmp"
	"fmt"
	"time"

	"github.com/envbuild/envbuild/build"
)

// maxRows is the number of running steps and downloads that are shown at once.
const maxRows = 8

// liveView redraws a few lines at the end of a terminal's output: how far the
// build is, and what runs, waits or is being brought.
type liveView struct {
	painter
	screen  *screen
	now     func() time.Time
	verbose bool
	tally   tally
	started time.Time
	rows    []row // in the order in which they began
}

// row is one thing under way.
type row struct {
	key      string // see rowKey
	kind     build.EventKind
	name     string
	version  string
	since    time.Time
	expected time.Duration
	bytes    int64
	size     int64
}

func newLiveView(s *screen, opts Options, h host) *liveView {
	return &liveView{painter: painter{h.color}, screen: s, now: opts.Now, verbose: opts.Verbose, started: opts.Now()}
}

func (v *liveView) handle(e build.Event) bool {
	v.tally.add(e)
	v.follow(e)
	v.draw(v.text(e))
	return e.Kind == build.StepFailed
}

func (v *liveView) tick() { v.draw("") }

func (v *liveView) close() error {
	v.screen.clear()
	return nil
}

// text is what stays above the redrawn lines: failures, what a person should
// know, and the summary. All else goes by, unless everything was asked for.
func (v *liveView) text(e build.Event) string {
	switch e.Kind {
	case build.StepFailed:
		return failure(v.painter, e)
	case build.Warning:
		return message(v.painter, yellow, "warning:", e)
	case build.Notice, build.Finished, build.PackageDone, build.UploadDone:
		return progressLine(v.painter, e, &v.tally, v.verbose)
	}
	if v.verbose {
		return progressLine(v.painter, e, &v.tally, v.verbose)
	}
	return ""
}

// follow keeps the rows.
func (v *liveView) follow(e build.Event) {
	switch e.Kind {
	case build.StepStarted, build.StepWaiting, build.FetchStarted, build.ViewStarted, build.PackageStarted, build.UploadStarted:
		v.drop(rowKey(e))
		name := e.Name
		if e.Kind == build.ViewStarted {
			name = e.Path
		}
		v.rows = append(v.rows, row{key: rowKey(e), kind: e.Kind, name: name, version: e.Version, since: v.now(), expected: e.Expected, size: e.Size})
	case build.FetchProgress, build.UploadProgress:
		for i := range v.rows {
			if v.rows[i].key == rowKey(e) {
				v.rows[i].bytes, v.rows[i].size = e.Bytes, e.Size
			}
		}
	case build.StepDone, build.StepFailed, build.FetchDone, build.PackageDone, build.UploadDone, build.ViewDone:
		v.drop(rowKey(e))
	case build.Finished:
		v.rows = nil
	}
}

// rowKey tells what an event is about from all else: several steps may have one
// name, and a source that of its step.
func rowKey(e build.Event) string {
	if e.ID != "" {
		return "step " + e.ID
	}
	return cmp.Or(e.Name, e.Path)
}

func (v *liveView) drop(key string) {
	for i, r := range v.rows {
		if r.key == key {
			v.rows = append(v.rows[:i], v.rows[i+1:]...)
			return
		}
	}
}

// draw shows a frame. A process in the background doesn't write on the terminal.
func (v *liveView) draw(text string) {
	width, height, foreground := v.screen.state()
	if !foreground && text == "" {
		return
	}
	var lines []string
	var cells []int
	add := func(spans ...span) {
		line, n := v.line(spans, width-1)
		lines, cells = append(lines, line), append(cells, n)
	}
	if len(v.rows) > 0 {
		if v.tally.planned {
			done := v.tally.hit + v.tally.built + v.tally.failed
			add(span{bold, fmt.Sprintf("[%d/%d]", done, v.tally.total)},
				span{"", fmt.Sprintf("  %s  %d cached", duration(v.now().Sub(v.started)), v.tally.hit)})
		}
		for i, r := range v.rows {
			if i == min(maxRows, max(1, height-3)) {
				add(span{dim, fmt.Sprintf("  and %s", count(len(v.rows)-i, "more"))})
				break
			}
			add(span{"", "  " + v.describe(r)})
		}
	}
	v.screen.draw(text, lines, cells, width)
}

func (v *liveView) describe(r row) string {
	took := duration(v.now().Sub(r.since))
	what := r.name
	if r.version != "" {
		what += " " + r.version
	}
	switch r.kind {
	case build.StepWaiting:
		return fmt.Sprintf("wait   %s  another process builds it  %s", what, took)
	case build.FetchStarted:
		if r.size > 0 {
			return fmt.Sprintf("fetch  %s  %s of %s", what, size(r.bytes), size(r.size))
		}
		return fmt.Sprintf("fetch  %s  %s", what, size(r.bytes))
	case build.ViewStarted:
		return fmt.Sprintf("merge  %s  %s", what, took)
	case build.UploadStarted:
		return fmt.Sprintf("send   %s  %s of %s", what, size(r.bytes), size(r.size))
	case build.PackageStarted:
		return fmt.Sprintf("pack   %s  %s", what, took)
	}
	if r.expected > 0 {
		took += " of " + duration(r.expected)
	}
	return fmt.Sprintf("build  %s  %s", what, took)
}
