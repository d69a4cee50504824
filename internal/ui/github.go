package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/envbuild/envbuild/internal/hint"
)

// Annotate writes errors as commands of GitHub Actions' workflows, which show
// them beside the lines that they name ("Workflow commands", docs.github.com). An
// error that knows its place has Place() (file string, line, col int), where the
// file is relative to the working directory and a line of 0 isn't known.
func Annotate(w io.Writer, err error) {
	var shown *shownError
	if errors.As(err, &shown) {
		err = shown.err
	}
	all := split(err)
	for _, err := range all[:min(len(all), maxErrors)] {
		var placed interface{ Place() (string, int, int) }
		where := ""
		if errors.As(err, &placed) {
			if file, line, col := placed.Place(); line > 0 {
				where = fmt.Sprintf(" file=%s,line=%d,col=%d", property(file), line, col)
			}
		}
		text := err.Error()
		if h := hint.Of(err); h != "" {
			text += "\n" + h
		}
		_, _ = fmt.Fprintf(w, "::error%s::%s\n", where, escapeData(text))
	}
}

// escapeData is what the runner undoes in a command's text.
func escapeData(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.ReplaceAll(clean(l), "%", "%25")
	}
	return strings.Join(lines, "%0A")
}

// property is the same for a value among others.
func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(s))
}
