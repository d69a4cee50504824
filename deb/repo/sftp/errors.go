package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/pkg/sftp"

	"github.com/envbuild/envbuild/deb/repo"
)

// Error says what couldn't be done on the other host.
type Error struct {
	// Op is what was to be done, Name the file's address.
	Op, Name string
	Err      error
	hint     string
}

func (e *Error) Error() string { return e.Op + " " + e.Name + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.hint }

// ErrConnectionLost says that the host isn't there any more.
var ErrConnectionLost = errors.New("the connection was lost")

// lostConnection reports whether an error is what comes when ssh has ended.
func lostConnection(err error) bool {
	return errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EPIPE)
}

// explainLoss is ErrConnectionLost, with ssh's reason if it has given one.
func (c *connection) explainLoss() error {
	if line := lastLine(c.lastWords()); line != "" {
		return fmt.Errorf("%w: %s", ErrConnectionLost, line)
	}
	return ErrConnectionLost
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	return strings.TrimRight(lines[len(lines)-1], ". \r")
}

// fullError says that the other host's disk is full.
type fullError struct{ err error }

func (e *fullError) Error() string { return "no space left on the host's file system" }

func (e *fullError) Unwrap() error { return e.err }

// localError is what the host is not to blame for.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

func (e *localError) Unwrap() error { return e.err }

// explain names the file, says what a status means, and adds hints.
func (s *Storage) explain(op, name string, err error) error {
	var done *Error
	var content *repo.ContentError
	var local *localError
	if err == nil || errors.As(err, &done) || errors.As(err, &content) || errors.As(err, &local) || errors.Is(err, ErrLockLost) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &Error{Op: op, Name: s.Location(name), Err: err}
	var full *fullError
	var status *sftp.StatusError
	switch {
	case lostConnection(err):
		e.Err, e.hint = s.conn.explainLoss(), "publish again; the repository is as it was"
	case errors.As(err, &full):
		e.Err, e.hint = full, "make room there; the repository is as it was"
	case errors.Is(err, fs.ErrNotExist):
		e.Err = fs.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		e.Err, e.hint = fs.ErrPermission, "let the user write to "+s.Location("")+" there; the repository is as it was"
	case errors.As(err, &status):
		e.Err = errors.New("the host says: " + strings.ToLower(strings.Trim(status.Error(), ". ")))
	}
	return e
}
