// Package system answers what is asked of a Debian system: its release, its
// packages, the programs that build, where its archive is. Nothing else reads below
// the root of the machine. Who asks has an interface of its own for what it asks, so
// that another system than the machine can answer.
package system

import (
	"io/fs"
	"os"
	"sync"

	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/internal/rootfs"
)

// Machine is the Debian system that stands below a directory, with what has been
// installed there. It is read when it is asked, and what is read once is
// remembered. It may be used by several goroutines.
type Machine struct {
	root     rootfs.Dir
	release  func() (Release, error)
	packages func() (*dpkg.Database, error)
}

// Open returns the system below dir; that of the running machine is "/".
func Open(dir string) *Machine {
	m := &Machine{root: rootfs.Dir(dir)}
	m.release = sync.OnceValues(m.readRelease)
	m.packages = sync.OnceValues(func() (*dpkg.Database, error) { return dpkg.Open(dir) })
	return m
}

// Dir is the directory below which the system stands.
func (m *Machine) Dir() string { return string(m.root) }

// Release returns what os-release(5) says.
func (m *Machine) Release() (Release, error) { return m.release() }

// Packages returns the installed packages.
func (m *Machine) Packages() (*dpkg.Database, error) { return m.packages() }

// toolDirs are where steps look for programs: the sandbox's PATH, not the caller's.
var toolDirs = [...]string{"/usr/bin", "/bin"}

// Tool returns the path of a program, without symlinks, where steps look for it. The
// error is fs.ErrNotExist if it isn't there.
func (m *Machine) Tool(name string) (string, error) {
	for _, dir := range toolDirs {
		p := m.root.Resolve(dir + "/" + name)
		if fi, err := os.Lstat(m.root.Join(p)); err == nil && fi.Mode()&fs.ModeSymlink == 0 { // else they go round
			return p, nil
		}
	}
	return "", &fs.PathError{Op: "find the program", Path: name, Err: fs.ErrNotExist}
}
