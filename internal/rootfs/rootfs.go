// Package rootfs reads the files of a system that stands below a directory: its
// absolute symlinks start there, too.
package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// mostLinks is the number of symlinks after which the kernel gives up.
const mostLinks = 40

// Dir is the directory below which a system stands; that of the running one is "/".
type Dir string

// Resolve follows the symlinks of a path of the system and returns a path of the
// system. What doesn't exist stays as it is.
func (d Dir) Resolve(p string) string {
	done, todo := "/", strings.Split(p, "/")
	for links := 0; len(todo) > 0; {
		next := path.Join(done, todo[0])
		todo = todo[1:]
		target, err := os.Readlink(filepath.Join(string(d), next))
		if err != nil || links >= mostLinks {
			done = next
			continue
		}
		links++
		if path.IsAbs(target) {
			done = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done
}

// Join returns the path at which this process finds a path of the system that holds
// no symlinks.
func (d Dir) Join(p string) string { return filepath.Join(string(d), p) }

// Host returns the path at which this process finds what a path of the system
// leads to. On the running system the kernel follows the symlinks.
func (d Dir) Host(p string) string {
	if d == "/" {
		return d.Join(p)
	}
	return d.Join(d.Resolve(p))
}

// ReadFile reads a file, or returns nil if the path leads to none.
func (d Dir) ReadFile(p string) ([]byte, error) {
	b, err := os.ReadFile(d.Host(p))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EINVAL) {
		return nil, nil
	}
	return b, err
}

// Glob returns the paths of the system that match a pattern of path.Match, sorted.
func (d Dir) Glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(string(d), pattern))
	for i, f := range found {
		found[i] = path.Join("/", strings.TrimPrefix(f, string(d)))
	}
	return found, err
}
