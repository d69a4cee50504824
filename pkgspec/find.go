package pkgspec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NotFoundError says that neither a directory nor one above it has a spec.
type NotFoundError struct{ Dir string }

// Error names the directory.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no %s in %s or a directory above it", SpecName, e.Dir)
}

// Hint says how to make one.
func (e *NotFoundError) Hint() string {
	return "go to the project's directory or name it with -C; envbuild init writes a spec"
}

// Find walks up from dir to the first directory with a spec and returns the spec's
// absolute path. The error is a *NotFoundError if there is none.
func Find(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := abs; ; at = filepath.Dir(at) {
		file := filepath.Join(at, SpecName)
		info, err := os.Stat(file)
		switch {
		case err == nil && !info.IsDir():
			return file, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", err
		case at == filepath.Dir(at):
			return "", &NotFoundError{Dir: abs}
		}
	}
}
