package ui

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/hint"
)

// plainView writes one line for each event that means something.
type plainView struct {
	painter
	w       io.Writer
	quiet   bool
	verbose bool
	tally   tally
	fetched fetchTally
	// unpacked counts the archives that were unpacked since the last summary.
	unpacked int
}

func newPlainView(w io.Writer, opts Options, h host) *plainView {
	return &plainView{painter: painter{h.color}, w: w, quiet: opts.Quiet, verbose: opts.Verbose}
}

func (v *plainView) handle(e build.Event) bool {
	v.tally.add(e)
	text := v.text(e)
	if text != "" {
		_, _ = io.WriteString(v.w, text)
	}
	return e.Kind == build.StepFailed
}

func (v *plainView) close() error {
	_, _ = io.WriteString(v.w, v.summaries())
	return nil
}

func (v *plainView) text(e build.Event) string {
	switch e.Kind {
	case build.StepFailed:
		return failure(v.painter, e)
	case build.Warning:
		return message(v.painter, yellow, "warning:", e)
	}
	if v.quiet {
		return ""
	}
	switch e.Kind {
	case build.FetchDone:
		if !v.verbose && e.Duration < slowFetch {
			v.fetched.add(e)
			return ""
		}
	case build.StepDone:
		if !v.verbose && e.Engine == plan.Unpack {
			if !e.Hit {
				v.unpacked++
			}
			return ""
		}
	case build.Notice, build.Finished:
		return v.summaries() + progressLine(v.painter, e, &v.tally, v.verbose)
	}
	return progressLine(v.painter, e, &v.tally, v.verbose)
}

// slowFetch is from when on a download is worth a line of its own. A project has
// hundreds of archives of some kilobytes.
const slowFetch = 2 * time.Second

// fetchTally counts the archives that no line was written of.
type fetchTally struct {
	archives int
	bytes    int64
	places   []string // in the order in which they were first of use
}

func (t *fetchTally) add(e build.Event) {
	t.archives++
	t.bytes += e.Bytes
	if from := source(e.From); !slices.Contains(t.places, from) {
		t.places = append(t.places, from)
	}
}

// summaries are the lines for what was too small for lines of its own.
func (v *plainView) summaries() string {
	text := v.fetchSummary()
	if v.unpacked > 0 {
		text += entry(v.painter, green, "unpacked", count(v.unpacked, "archive"))
	}
	v.unpacked = 0
	return text
}

// fetchSummary is the line for the archives since the last one, or "".
func (v *plainView) fetchSummary() string {
	t := v.fetched
	v.fetched = fetchTally{}
	if t.archives == 0 {
		return ""
	}
	return entry(v.painter, dim, "fetched", count(t.archives, "archive"), size(t.bytes)+" from "+strings.Join(t.places, ", "))
}

// source is a place without the archive's own name: a host, or "the disk".
func source(from string) string {
	if u, err := url.Parse(from); err == nil && u.Host != "" {
		return clean(u.Host)
	}
	return "the disk"
}

// tally counts what has happened.
type tally struct {
	planned                   bool
	total, hit, built, failed int
}

func (t *tally) add(e build.Event) {
	switch e.Kind {
	case build.Planned:
		t.planned, t.total = true, e.Total
	case build.StepDone:
		if e.Hit {
			t.hit++
		} else {
			t.built++
		}
	case build.StepFailed:
		t.failed++
	}
}

// progressLine is what is written of an event that isn't a failure, or "".
func progressLine(p painter, e build.Event, t *tally, verbose bool) string {
	step := strings.TrimSpace(clean(e.Name) + " " + clean(e.Version))
	switch e.Kind {
	case build.Planned:
		if e.Cached > 0 {
			return entry(p, dim, "cached", fmt.Sprintf("%d of %s", e.Cached, count(e.Total, "step")))
		}
	case build.FetchDone:
		return entry(p, dim, "fetched", clean(e.Name), size(e.Bytes)+" from "+place(e.From, verbose), duration(e.Duration))
	case build.StepDone:
		if !e.Hit {
			return entry(p, green, "built", step, duration(e.Duration))
		}
	case build.StepWaiting:
		return entry(p, dim, "waiting", step, "another process builds it")
	case build.ViewDone:
		if !e.Hit {
			return entry(p, green, "view", clean(e.Path), count(e.Total, "file")+", "+size(e.Bytes), duration(e.Duration))
		}
	case build.PackageDone:
		return entry(p, green, "packaged", clean(e.Name), size(e.Bytes), duration(e.Duration))
	case build.UploadDone:
		return entry(p, green, "sent", clean(e.Name), size(e.Bytes), duration(e.Duration))
	case build.Notice:
		return message(p, bold, "note:", e)
	case build.Finished:
		return summary(p, e, t)
	}
	return ""
}

// entry is a line: a verb, then what it was done to.
func entry(p painter, s style, verb string, parts ...string) string {
	return p.paint(s, fmt.Sprintf("%-8s", verb)) + " " + strings.Join(parts, "  ") + "\n"
}

func message(p painter, s style, label string, e build.Event) string {
	var b strings.Builder
	r := errorRenderer{painter: p, b: &b}
	r.message(p.paint(s, label), e.Message)
	r.hint(e.Hint)
	return b.String()
}

// failure is the block of a step that failed. What isn't the step's own fault,
// such as a sandbox that can't be had, is left to the error at the end.
func failure(p painter, e build.Event) string {
	var b strings.Builder
	r := errorRenderer{painter: p, b: &b}
	if e.Err == nil {
		return message(p, red, "error:", e)
	}
	var step *build.StepError
	if errors.As(e.Err, &step) {
		r.render(e.Err, hint.Of(e.Err))
	}
	return b.String()
}

// summary is the last line of a build.
func summary(p painter, e build.Event, t *tally) string {
	built, cached, failed := max(e.Built, t.built), max(e.Cached, t.hit), max(e.Failed, t.failed)
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{{built, "built"}, {cached, "cached"}, {failed, "failed"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	verb, s := "done", green
	if e.Message != "" {
		verb, s = clean(e.Message), red
	}
	return entry(p, s, verb, strings.Join(append([]string{count(e.Total, "step")}, parts...), ", "), duration(e.Duration))
}

// place is where an archive came from: its host, or all of it.
func place(from string, verbose bool) string {
	if u, err := url.Parse(from); err == nil && u.Host != "" && !verbose {
		return clean(u.Host)
	}
	return clean(from)
}
