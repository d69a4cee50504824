package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// The control sequences that the view needs (ECMA-48, and DEC's private modes 25
// and 2026). Terminals that don't know mode 2026, by which a frame appears at
// once, ignore it.
const (
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	eraseLine  = "\x1b[K" // from the cursor to the line's end
	eraseBelow = "\x1b[J" // from the cursor to the screen's end
)

// screen keeps some lines at the end of a terminal's output and redraws them,
// with one write a frame. The cursor rests, hidden, at the start of the line
// below them.
type screen struct {
	w io.Writer
	// state says how large the terminal is and whether it may be drawn on.
	state func() (width, height int, foreground bool)

	lines  []string // as drawn
	cells  []int    // their widths
	hidden bool     // the cursor is
	keep   bool     // the cursor is not to be hidden any more
}

func newScreen(w io.Writer, state func() (int, int, bool)) *screen {
	return &screen{w: w, state: state}
}

// draw replaces the lines. Text goes above them, where it stays; it ends with a
// line feed or is empty.
func (s *screen) draw(text string, lines []string, cells []int, width int) {
	if text == "" && slices.Equal(s.lines, lines) {
		return
	}
	var b strings.Builder
	b.WriteString(beginFrame)
	if len(lines) > 0 && !s.hidden && !s.keep {
		b.WriteString(hideCursor)
		s.hidden = true
	}
	b.WriteString("\r")
	if up := s.height(width); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	if text != "" {
		b.WriteString(eraseBelow + strings.ReplaceAll(text, "\n", "\r\n"))
	}
	for _, l := range lines {
		b.WriteString(l + eraseLine + "\r\n")
	}
	b.WriteString(eraseBelow)
	if len(lines) == 0 && s.hidden {
		b.WriteString(showCursor)
		s.hidden = false
	}
	b.WriteString(endFrame)
	s.lines, s.cells = lines, cells
	_, _ = io.WriteString(s.w, b.String()) // a terminal that went away doesn't fail a build
}

// height is the number of rows that the drawn lines take. If the terminal is
// narrower than it was, it has wrapped them.
func (s *screen) height(width int) int {
	rows := 0
	for _, c := range s.cells {
		rows += max(1, (c+width-1)/width)
	}
	return rows
}

// clear takes the lines away and shows the cursor.
func (s *screen) clear() {
	width, _, _ := s.state()
	s.draw("", nil, nil, width)
}

// keepCursor shows the cursor from now on.
func (s *screen) keepCursor() {
	s.keep = true
	if s.hidden {
		s.hidden = false
		_, _ = io.WriteString(s.w, showCursor)
	}
}
