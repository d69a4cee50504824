package env

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/templates"
)

// Generated reports whether a file carries the mark of generated files: a
// comment line of it, among the comments with which the file begins.
func Generated(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return false
		}
		if string(bytes.TrimSpace(bytes.TrimLeft(line, "#"))) == templates.Mark {
			return true
		}
	}
	return false
}

// NotGeneratedError is a file that somebody wrote by hand where a generated one
// belongs.
type NotGeneratedError struct {
	Path string
	// Found are the variables that the file sets, in order.
	Found []Found
}

func (e *NotGeneratedError) Error() string {
	return e.Path + " was written by hand, so it isn't replaced"
}

// Hint shows the file's variables as lines for the spec.
func (e *NotGeneratedError) Hint() string {
	lines, unread := takeOver(e.Found)
	if len(lines)+len(unread) == 0 {
		return "move the file away; what it does belongs in envbuild.yaml"
	}
	var b strings.Builder
	b.WriteString("take its variables over into envbuild.yaml, then move the file away:")
	if len(lines) > 0 {
		b.WriteString("\nenv:\n  " + strings.Join(lines, "\n  "))
	}
	for _, f := range unread {
		fmt.Fprintf(&b, "\n# line %d: %s has to be taken over by hand", f.Line, f.Name)
	}
	return b.String()
}

// CheckReplaceable returns a *NotGeneratedError if path has a file without the
// mark, which WriteGenerated would not replace.
func CheckReplaceable(path string) error {
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !Generated(old):
		return &NotGeneratedError{path, findAssignments(old)}
	}
	return nil
}

// WriteGenerated puts a generated file at path with the mode perm, in one
// rename, and makes its directory. A file that has these bytes and mode already
// isn't touched. A file without the mark isn't replaced: that is a
// *NotGeneratedError.
func WriteGenerated(path string, data []byte, perm fs.FileMode) error {
	if err := CheckReplaceable(path); err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
	case err != nil:
		return err
	case bytes.Equal(old, data):
		if info, err := os.Lstat(path); err == nil && info.Mode() == perm {
			return nil
		}
	}
	return atomicfile.Write(path, data, perm)
}
