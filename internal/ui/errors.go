package ui

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/internal/hint"
)

// maxErrors is how many of joined errors are shown.
const maxErrors = 8

// RenderError writes what went wrong and what can be done about it. Joined
// errors are written each on its own, the first eight of them; a list that has
// the method Complete() is written whole. An error may offer more than its message: Caret() string is the source line and a mark
// below the place, Hint() string is advice. A *build.StepError shows the end of
// its log, the log's path and the command that enters the step's sandbox. What
// the terminal could take for a command is taken out.
func RenderError(w io.Writer, err error, color bool) {
	if err == nil {
		return
	}
	var b strings.Builder
	r := errorRenderer{painter: painter{color}, b: &b}
	var shown *shownError
	if errors.As(err, &shown) {
		r.shown, err = shown.steps, shown.err
	}
	most := maxErrors
	var whole interface{ Complete() }
	if errors.As(err, &whole) {
		most = math.MaxInt
	}
	r.renderAll(split(err), most)
	_, _ = io.WriteString(w, b.String()) // there is no better place to say that it failed
}

// shownError is an error of which some steps' logs have been shown.
type shownError struct {
	err   error
	steps map[*build.StepError]bool
}

func (e *shownError) Error() string { return e.err.Error() }

func (e *shownError) Unwrap() error { return e.err }

type errorRenderer struct {
	painter
	shown map[*build.StepError]bool
	b     *strings.Builder
}

func (r errorRenderer) renderAll(all []error, most int) {
	shown := all[:min(len(all), most)]
	for i, err := range shown {
		h := hint.Of(err)
		if i+1 < len(shown) && hint.Of(shown[i+1]) == h {
			h = "" // the last of those with one hint shows it
		}
		r.render(err, h)
	}
	if more := len(all) - len(shown); more > 0 {
		fmt.Fprintf(r.b, "%s %s\n", r.paint(red, "error:"), "and "+count(more, "more error"))
	}
}

func (r errorRenderer) render(err error, advice string) {
	r.message(r.paint(red, "error:"), err.Error())
	var step *build.StepError
	var marked interface{ Caret() string }
	switch {
	case errors.As(err, &step) && r.shown[step]:
		return
	case errors.As(err, &step):
		r.step(step)
	case errors.As(err, &marked):
		r.quote(strings.Split(marked.Caret(), "\n"))
	}
	r.hint(advice)
}

// message writes a text under its label; further lines are indented.
func (r errorRenderer) message(label, text string) {
	for i, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if i == 0 {
			fmt.Fprintf(r.b, "%s %s\n", label, clean(l))
		} else {
			fmt.Fprintf(r.b, "  %s\n", strings.TrimPrefix(clean(l), "  "))
		}
	}
}

// quote writes lines of a file behind a rule.
func (r errorRenderer) quote(lines []string) {
	if len(lines) == 1 && lines[0] == "" {
		return
	}
	for _, l := range lines {
		l = strings.TrimRight(clean(l), " ")
		if l != "" {
			l = " " + l
		}
		fmt.Fprintf(r.b, "  %s%s\n", r.paint(dim, "|"), l)
	}
}

func (r errorRenderer) step(e *build.StepError) {
	if len(e.Tail) > 0 {
		r.quote(e.Tail)
	}
	if e.Log != "" {
		r.field("log:", e.Log)
	}
	if e.Kept != "" {
		r.field("kept:", e.Kept)
	}
	if shell := e.ShellCommand(); shell != "" {
		r.field("shell:", shell)
	}
}

func (r errorRenderer) field(label, text string) {
	fmt.Fprintf(r.b, "  %s %s\n", r.paint(dim, label), clean(text))
}

func (r errorRenderer) hint(text string) {
	label := "  " + r.paint(cyan, "hint:") + " "
	for l := range strings.Lines(text) {
		fmt.Fprintf(r.b, "%s%s\n", label, strings.TrimRight(clean(l), "\n"))
		label = "    " // further lines may be part of a file, whose indentation counts
	}
}

// split returns the errors that were joined in err, without repetitions. An
// error that wraps several and says a sentence of its own is one error.
func split(err error) []error {
	var out []error
	said := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		parts := joined(err)
		for _, p := range parts {
			walk(p)
		}
		if parts == nil && !said[err.Error()] {
			said[err.Error()] = true
			out = append(out, err)
		}
	}
	walk(err)
	return out
}

// joined returns the errors of a list that says nothing but what they say.
func joined(err error) []error {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var parts []error
	var texts []string
	for _, p := range list.Unwrap() {
		if p != nil {
			parts = append(parts, p)
			texts = append(texts, p.Error())
		}
	}
	if len(parts) == 0 || strings.Join(texts, "\n") != err.Error() {
		return nil
	}
	return parts
}
