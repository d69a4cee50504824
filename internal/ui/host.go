package ui

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// host is what the output and the environment say about how to show things.
type host struct {
	terminal bool // the output can be redrawn
	ci       bool // a CI system is at work
	color    bool
}

func hostOf(out *os.File, getenv func(name string) string) host {
	return host{
		terminal: isTerminal(out) && getenv("TERM") != "dumb",
		ci:       getenv("CI") != "" && getenv("CI") != "false",
		color:    Colored(out, getenv),
	}
}

// Colored reports whether text for f should be coloured: f is a terminal, TERM
// is not "dumb", and NO_COLOR is empty or not set (no-color.org).
func Colored(f *os.File, getenv func(name string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && isTerminal(f)
}

func isTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// terminalState returns a function that says how large the terminal is now, and
// whether this process is in its foreground: a job in the background should not
// draw over what a person does.
func terminalState(f *os.File) func() (width, height int, foreground bool) {
	fd := int(f.Fd())
	return func() (int, int, bool) {
		width, height, err := term.GetSize(fd)
		if err != nil || width <= 0 || height <= 0 {
			width, height = 80, 24 // a serial line doesn't know
		}
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return width, height, err != nil || group == unix.Getpgrp()
	}
}
