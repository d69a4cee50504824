package ui

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/hint"
)

// line is an event as one JSON object. The names are a contract, described in
// docs/events.md.
type line struct {
	Kind     build.EventKind `json:"kind"`
	Time     time.Time       `json:"time"`
	Name     string          `json:"name,omitempty"`
	ID       string          `json:"id,omitempty"`
	Target   string          `json:"target,omitempty"`
	Engine   plan.Engine     `json:"engine,omitempty"`
	Version  string          `json:"version,omitempty"`
	Key      string          `json:"key,omitempty"`
	Output   string          `json:"output,omitempty"`
	From     string          `json:"from,omitempty"`
	Path     string          `json:"path,omitempty"`
	Message  string          `json:"message,omitempty"`
	Hint     string          `json:"hint,omitempty"`
	Bytes    int64           `json:"bytes,omitempty"`
	Size     int64           `json:"size,omitempty"`
	Total    int             `json:"total,omitempty"`
	Cached   int             `json:"cached,omitempty"`
	Built    int             `json:"built,omitempty"`
	Failed   int             `json:"failed,omitempty"`
	Hit      bool            `json:"hit,omitempty"`
	Duration float64         `json:"duration,omitempty"` // seconds
	Expected float64         `json:"expected,omitempty"` // seconds
	Err      *jsonError      `json:"error,omitempty"`
}

// jsonError is an event's error. All but Message are of a step that failed.
type jsonError struct {
	Message string   `json:"message"`
	Phase   string   `json:"phase,omitempty"`
	Log     string   `json:"log,omitempty"`
	Tail    []string `json:"tail,omitempty"`
	Shell   string   `json:"shell,omitempty"`
}

// jsonView writes events as JSON lines.
type jsonView struct {
	enc *json.Encoder
	err error // the first failure to write
}

func newJSONView(w io.Writer) *jsonView {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &jsonView{enc: enc}
}

func (v *jsonView) handle(e build.Event) bool {
	if v.err == nil {
		v.err = v.enc.Encode(lineOf(e))
	}
	return false
}

func (v *jsonView) close() error { return v.err }

func lineOf(e build.Event) line {
	l := line{
		Kind: e.Kind, Time: e.Time.UTC(), Name: e.Name, ID: e.ID, Target: e.Target, Engine: e.Engine, Version: e.Version, From: e.From, Path: e.Path,
		Message: e.Message, Hint: e.Hint, Bytes: e.Bytes, Size: e.Size,
		Total: e.Total, Cached: e.Cached, Built: e.Built, Failed: e.Failed, Hit: e.Hit,
		Duration: e.Duration.Seconds(), Expected: e.Expected.Seconds(),
	}
	if !e.Key.IsZero() {
		l.Key = e.Key.String()
	}
	if !e.Output.IsZero() {
		l.Output = e.Output.String()
	}
	if e.Err == nil {
		return l
	}
	if l.Hint == "" {
		l.Hint = hint.Of(e.Err)
	}
	l.Err = &jsonError{Message: e.Err.Error()}
	var step *build.StepError
	if errors.As(e.Err, &step) {
		l.Err.Phase, l.Err.Log, l.Err.Tail, l.Err.Shell = step.Phase, step.Log, step.Tail, step.ShellCommand()
	}
	return l
}

// EncodeErrors writes what went wrong as events, one JSON object a line: it is
// RenderError for programs.
func EncodeErrors(w io.Writer, err error, now time.Time) {
	v := newJSONView(w)
	for _, e := range split(err) {
		event := build.Event{Kind: build.Failure, Time: now, Message: e.Error(), Hint: hint.Of(e)}
		var step *build.StepError
		if errors.As(e, &step) {
			event.Name, event.ID, event.Err = step.Step.Name, step.Step.ID, e
		}
		v.handle(event)
	}
}
