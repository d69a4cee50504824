package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
)

// someBuild is a build in which most things happen.
func someBuild() []build.Event {
	failed := &build.StepError{
		Label: "DBI",
		Step:  &plan.Step{Name: "DBI", Version: "1.643"}, Err: &build.ExitError{Code: 2}, Phase: "make",
		Log: "/cache/logs/dbi", Tail: []string{"cc -c DBI.c", "\x1b[31mDBI.c:1: fatal error\x1b[0m"},
		Explanation: "apt-get install libdbi-dev",
	}
	return []build.Event{
		{Kind: build.FetchDone, Name: "Moo-2.005005", From: "https://cpan.example.org/a/Moo-2.005005.tar.gz", Bytes: 1000, Duration: time.Second},
		{Kind: build.FetchDone, Name: "DBI-1.643", From: "/app/vendor/DBI-1.643.tar.gz", Bytes: 2000},
		{Kind: build.FetchDone, Name: "perl-5.36.0", From: "https://www.cpan.org/perl.tar.xz", Bytes: 13e6, Duration: 5 * time.Second},
		{Kind: build.Notice, Message: "locked"},
		{Kind: build.Planned, Total: 4, Cached: 1},
		{Kind: build.StepDone, Name: "perl", Version: "5.36.0", Hit: true},
		{Kind: build.StepStarted, Name: "Moo", Version: "2.005005", Expected: 2 * time.Second},
		{Kind: build.StepStarted, Name: "DBI", Version: "1.643"},
		{Kind: build.StepWaiting, Name: "JSON-XS", Version: "4.04"},
		{Kind: build.StepDone, Name: "Moo", Version: "2.005005", Duration: 700 * time.Millisecond},
		{Kind: build.StepFailed, Name: "DBI", Version: "1.643", Err: failed, Message: failed.Error()},
		{Kind: build.Warning, Message: "no namespaces here", Hint: "see the log"},
		{Kind: build.Finished, Total: 4, Failed: 1, Duration: 61 * time.Second, Message: "failed"},
	}
}

func plainText(opts Options, events []build.Event) string {
	var out bytes.Buffer
	v := newPlainView(&out, opts, host{})
	for _, e := range events {
		v.handle(e)
	}
	_ = v.close()
	return out.String()
}

// Advice may be lines for a file, whose indentation counts.
func TestHintKeepsIndentation(t *testing.T) {
	got := plainText(Options{}, []build.Event{{Kind: build.Warning, Message: "w", Hint: "write:\nenv:\n  A: \"1\"\nthen go on"}})
	if want := "warning: w\n  hint: write:\n    env:\n      A: \"1\"\n    then go on\n"; got != want {
		t.Errorf("printed:\n%s", got)
	}
}

func TestPlain(t *testing.T) {
	const failure = `error: DBI 1.643 failed in make: the recipe ended with status 2
  | cc -c DBI.c
  | DBI.c:1: fatal error
  log: /cache/logs/dbi
  shell: envbuild shell --step DBI
  hint: apt-get install libdbi-dev
warning: no namespaces here
  hint: see the log
`
	want := `fetched  perl-5.36.0  13.0 MB from www.cpan.org  5.0s
fetched  2 archives  3.0 kB from cpan.example.org, the disk
note: locked
cached   1 of 4 steps
waiting  JSON-XS 4.04  another process builds it
built    Moo 2.005005  0.7s
` + failure + `failed   4 steps, 1 built, 1 cached, 1 failed  1m01s
`
	if got := plainText(Options{}, someBuild()); got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
	if got := plainText(Options{Quiet: true}, someBuild()); got != failure {
		t.Errorf("quietly printed:\n%s", got)
	}
	if got := plainText(Options{Verbose: true}, someBuild()); !strings.Contains(got, "fetched  Moo-2.005005  1.0 kB from https://cpan.example.org/a/Moo-2.005005.tar.gz") {
		t.Errorf("in detail printed:\n%s", got)
	}
	if got := plainText(Options{}, someBuild()[:2]); !strings.HasPrefix(got, "fetched  2 archives") {
		t.Errorf("the archives of an interrupted verb are not said: %q", got)
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	v := newJSONView(&out)
	for _, e := range someBuild() {
		v.handle(e)
	}
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	for i, e := range someBuild() {
		var l line
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if l.Kind != e.Kind || l.Name != e.Name || l.Duration != e.Duration.Seconds() {
			t.Errorf("line %d is %+v, want %+v", i, l, e)
		}
		if e.Kind == build.StepFailed && (l.Err == nil || l.Err.Phase != "make" || len(l.Err.Tail) != 2 || l.Hint == "") {
			t.Errorf("the failure is %+v %+v", l, l.Err)
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		t.Error("there is more than a line an event")
	}
}

// TestLive reads what a terminal would show from time to time.
func TestLive(t *testing.T) {
	tty := &terminal{width: 60}
	now := time.Unix(0, 0)
	v := newLiveView(newScreen(tty, func() (int, int, bool) { return 60, 24, true }), Options{Now: func() time.Time { return now }}, host{})
	events := someBuild()
	for _, e := range events[:9] {
		v.handle(e)
	}
	now = now.Add(3 * time.Second)
	v.tick()
	want := []string{
		"note: locked",
		"[1/4]  3.0s  1 cached",
		"  build  Moo 2.005005  3.0s of 2.0s",
		"  build  DBI 1.643  3.0s",
		"  wait   JSON-XS 4.04  another process builds it  3.0s",
		"",
	}
	if got := tty.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the terminal shows\n%s", strings.Join(got, "\n"))
	}
	if !tty.hidden {
		t.Error("the cursor jumps about in the frame")
	}
	for _, e := range events[9:] {
		v.handle(e)
	}
	if err := v.close(); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(tty.lines(), "\n")
	if !strings.HasPrefix(got, "note: locked\nerror: DBI 1.643 failed in make") || !strings.HasSuffix(got, "failed   4 steps, 1 built, 1 cached, 1 failed  1m01s\n") {
		t.Errorf("in the end the terminal shows\n%s", got)
	}
	if tty.hidden {
		t.Error("the cursor stays hidden")
	}
}

// terminal understands the sequences that screen writes.
type terminal struct {
	width  int
	rows   []string
	row    int
	hidden bool
}

func (t *terminal) lines() []string { return t.rows }

func (t *terminal) Write(p []byte) (int, error) {
	s := string(p)
	for s != "" {
		switch {
		case strings.HasPrefix(s, beginFrame), strings.HasPrefix(s, endFrame):
			s = s[len(beginFrame):]
		case strings.HasPrefix(s, hideCursor):
			t.hidden, s = true, s[len(hideCursor):]
		case strings.HasPrefix(s, showCursor):
			t.hidden, s = false, s[len(showCursor):]
		case strings.HasPrefix(s, eraseBelow):
			t.rows, s = append(t.rows[:t.row:t.row], ""), s[len(eraseBelow):]
		case strings.HasPrefix(s, eraseLine):
			s = s[len(eraseLine):]
		case strings.HasPrefix(s, "\x1b["):
			n, rest, _ := strings.Cut(s[2:], "A")
			up, err := strconv.Atoi(n)
			if err != nil {
				return 0, err
			}
			t.row, s = t.row-up, rest
		case s[0] == '\r':
			s = s[1:]
		case s[0] == '\n':
			t.row, s = t.row+1, s[1:]
		default:
			end := strings.IndexAny(s, "\x1b\r\n")
			if end < 0 {
				end = len(s)
			}
			for len(t.rows) <= t.row {
				t.rows = append(t.rows, "")
			}
			t.rows[t.row], s = s[:end], s[end:]
		}
	}
	return len(p), nil
}

// noVariable is an empty environment.
func noVariable(string) string { return "" }

func TestModes(t *testing.T) {
	for _, mode := range []string{"auto", "plain", "json", "none"} {
		f, err := os.Create(t.TempDir() + "/out")
		if err != nil {
			t.Fatal(err)
		}
		u, err := New(mode, Options{Out: f, Getenv: noVariable})
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		u.Handle(build.Event{Kind: build.Notice, Message: "hello"})
		if err := errors.Join(u.Close(), u.Close()); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		u.Handle(build.Event{Kind: build.Notice, Message: "too late"})
		text, _ := os.ReadFile(f.Name())
		if said := strings.Contains(string(text), "hello"); said != (mode != "none") || strings.Contains(string(text), "late") {
			t.Errorf("%s printed %q", mode, text)
		}
	}
	if _, err := New("loud", Options{Getenv: noVariable}); err == nil {
		t.Error("an unknown mode is accepted")
	}
}

// TestErrorsOnce: a log that the view has shown isn't shown again by main.
func TestErrorsOnce(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	u, err := New("plain", Options{Out: f, Getenv: noVariable})
	if err != nil {
		t.Fatal(err)
	}
	failed := someBuild()[10]
	u.Handle(failed)
	var out bytes.Buffer
	RenderError(&out, u.Shown(errors.Join(failed.Err, errors.New("and this"))), false)
	want := "error: DBI 1.643 failed in make: the recipe ended with status 2\nerror: and this\n"
	if out.String() != want {
		t.Errorf("main prints %q, want %q", out.String(), want)
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07x", "a\rb", "\x1b", "\u202e", "\xff\xfe", "tab\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsRune(got, '\u202e') {
			t.Errorf("%q became %q", s, got)
		}
		if cells := cellsOf(cut(got, 10)); cells > 10 {
			t.Errorf("%q takes %d cells", got, cells)
		}
	})
}

type placedError struct{ error }

func (placedError) Place() (string, int, int) { return "a,b.yaml", 3, 7 }

func (placedError) Hint() string { return "50% better" }

func TestAnnotate(t *testing.T) {
	var out bytes.Buffer
	Annotate(&out, errors.Join(placedError{errors.New("no\x1b[31m key")}, errors.New("two\nlines::")))
	want := "::error file=a%2Cb.yaml,line=3,col=7::no key%0A50%25 better\n::error::two%0Alines::\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}
