package env

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The exit codes of a command that could not be started.
const (
	// CodeFailed is envbuild's own failure.
	CodeFailed = 125
	// CodeNotRunnable says that the command was found and can't be run.
	CodeNotRunnable = 126
	// CodeNotFound says that there is no such command.
	CodeNotFound = 127
)

// defaultPath is searched where the environment has no PATH, as confstr's
// _CS_PATH says.
const defaultPath = "/bin:/usr/bin"

// CommandError is a command that could not be started.
type CommandError struct {
	Name string
	// Code is CodeNotFound or CodeNotRunnable.
	Code int
	Err  error
}

func (e *CommandError) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.Err) }

func (e *CommandError) Unwrap() error { return e.Err }

// Hint says where a name was looked for.
func (e *CommandError) Hint() string {
	if e.Code != CodeNotFound || strings.Contains(e.Name, "/") {
		return ""
	}
	return "it is in no directory of the environment's PATH, which \"envbuild env\" shows"
}

// The reasons for which shells refuse a command before the kernel does.
var (
	errNotFound  = errors.New("command not found")
	errDirectory = errors.New("is a directory")
	errBinary    = errors.New("is a program for another kind of machine, or none")
	errNoInterp  = errors.New("its interpreter doesn't exist")
)

// ExitCode is the code with which a program ends to which Exec returned err.
func ExitCode(err error) int {
	var command *CommandError
	if errors.As(err, &command) {
		return command.Code
	}
	return CodeFailed
}

// Exec replaces the process by the command argv with the environment environ,
// in the directory dir, or where the process is if dir is empty. The command is
// searched in the PATH of environ. What the kernel calls no executable and looks
// like text is run by /bin/sh, as shells do.
//
// It returns only if it fails: with a *CommandError, or an error of which
// ExitCode says 125. The process may be in dir by then.
//
// There is no child: signals, the terminal and the exit code are the command's
// own affair. Go gives back the limit of open files that it raised, and its
// signal handlers end with it.
func Exec(argv, environ []string, dir string) error {
	if len(argv) == 0 {
		return errors.New("no command")
	}
	if dir != "" {
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	environ = unique(environ)
	path, err := lookPath(argv[0], environ)
	if err != nil {
		return err
	}
	err = syscall.Exec(path, argv, environ)
	if errors.Is(err, syscall.ENOEXEC) && !isBinary(path) {
		if !filepath.IsAbs(path) {
			path = "./" + path // it may begin with a dash
		}
		err = syscall.Exec("/bin/sh", append([]string{"/bin/sh", path}, argv[1:]...), environ)
	}
	return execError(argv[0], path, err)
}

// execError gives the codes that dash gives (exec.c, shellexec).
func execError(name, path string, err error) error {
	code := CodeNotRunnable
	switch {
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("%s: an argument or a variable holds a NUL byte", name)
	case errors.Is(err, syscall.ENOEXEC):
		err = errBinary
	case errors.Is(err, syscall.ENOENT):
		code = CodeNotFound
		if _, statErr := os.Stat(path); statErr == nil {
			err = errNoInterp
		}
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		code = CodeNotFound
	}
	return &CommandError{name, code, err}
}

// lookPath finds a command as shells do: a name with a slash is a path, any
// other is searched in PATH, where an empty entry is the working directory.
func lookPath(name string, environ []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, checkExecutable(name, name)
	}
	dirs := defaultPath
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			dirs = value
		}
	}
	notFound := &CommandError{name, CodeNotFound, errNotFound}
	if name == "" {
		return "", notFound
	}
	var refused error
	for _, dir := range strings.Split(dirs, ":") {
		if dir == "" {
			dir = "."
		}
		path := dir + "/" + name
		err := checkExecutable(name, path)
		if err == nil {
			return path, nil
		}
		if refused == nil && ExitCode(err) == CodeNotRunnable {
			refused = err
		}
	}
	if refused != nil {
		return "", refused
	}
	return "", notFound
}

func checkExecutable(name, path string) error {
	info, err := os.Stat(path)
	var pathErr *fs.PathError
	switch {
	case errors.As(err, &pathErr):
		return execError(name, path, pathErr.Err)
	case info.IsDir():
		return &CommandError{name, CodeNotRunnable, errDirectory}
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return &CommandError{name, CodeNotRunnable, err}
	}
	return nil
}

// isBinary reports whether the first line of a file holds a NUL byte, by which
// bash tells programs for other machines from scripts without #!.
func isBinary(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 80)
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	return bytes.IndexByte(line, 0) >= 0
}

// unique keeps the first entry of every name, which is the one that getenv
// finds: programs differ in which of two they believe.
func unique(environ []string) []string {
	seen := make(map[string]bool, len(environ))
	list := make([]string, 0, len(environ))
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !seen[name] {
			seen[name] = true
			list = append(list, entry)
		}
	}
	return list
}
