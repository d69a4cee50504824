package env

import (
	"fmt"
	"slices"
	"strings"
)

// maxAssignment is the longest NAME=value, with the NUL that ends it, that Linux
// hands to a program: MAX_ARG_STRLEN, 32 pages. A shell would take a longer one
// and then fail to start anything.
const maxAssignment = 32 * 4096

// NameError is a variable that can't be set by that name.
type NameError struct{ Name, Reason string }

func (e *NameError) Error() string { return fmt.Sprintf("variable %q: %s", e.Name, e.Reason) }

// ValueError is a value that a variable can't have, or that a format can't
// carry.
type ValueError struct {
	Name string
	// Format is empty if no environment can hold the value.
	Format Format
	Reason string
}

func (e *ValueError) Error() string {
	if e.Format != "" {
		return fmt.Sprintf("variable %s can't be written as %s: %s", e.Name, e.Format, e.Reason)
	}
	return fmt.Sprintf("variable %s: %s", e.Name, e.Reason)
}

// Hint says what to do where another format helps.
func (e *ValueError) Hint() string {
	if e.Format == "" {
		return ""
	}
	return "the format sh carries every value"
}

// checkName returns a *NameError unless name can be set in a shell and survives
// there.
func checkName(name string) error {
	if !isName(name) {
		return &NameError{name, "a name is made of letters of ASCII, digits and _, and doesn't begin with a digit"}
	}
	if keptByShell(name) {
		return &NameError{name, "shells set it themselves"}
	}
	return nil
}

// checkValue returns a *ValueError if no program can be given the value.
func checkValue(name, value string) error {
	if strings.IndexByte(value, 0) >= 0 {
		return &ValueError{Name: name, Reason: "the value holds a NUL byte"}
	}
	if n := len(name) + len(value) + 2; n > maxAssignment {
		return &ValueError{Name: name, Reason: fmt.Sprintf("with its value it takes %d bytes, and Linux passes at most %d to a program", n, maxAssignment)}
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) || i == 0 && isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isNameByte(c byte) bool {
	return c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || isDigit(c)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// keptByShell names variables that bash or dash assign or make read-only: an
// assignment in env.rc would fail there or not last. The prefix envbuild_ is
// that of env.rc's own names.
func keptByShell(name string) bool {
	if name == "BASH_ENV" {
		return false
	}
	return strings.HasPrefix(name, "BASH") || strings.HasPrefix(name, "envbuild_") || slices.Contains(shellNames(), name)
}

// shellNames are those of them that have no common beginning.
func shellNames() []string {
	return []string{
		"_", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "IFS", "LINENO",
		"OLDPWD", "OPTIND", "PIPESTATUS", "PPID", "PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "UID",
	}
}
