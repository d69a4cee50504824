package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/environ"
	"github.com/envbuild/envbuild/internal/system"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// program is what the verbs know of the process that they run in.
type program struct {
	stdout, stderr *os.File
	environ        []string
	cwd            string
	now            func() time.Time
	system         *system.Machine
	jsonErrors     bool // standard error has JSON lines
}

func newProgram(stdout, stderr *os.File, environ []string) (*program, error) {
	p := &program{stdout: stdout, stderr: stderr, environ: environ, now: time.Now, system: system.Open("/")}
	var err error
	p.cwd, err = os.Getwd()
	return p, err
}

// xz is the path of the machine's xz, or empty where it isn't installed.
func (p *program) xz() string {
	path, err := p.system.Tool("xz")
	if err != nil {
		return ""
	}
	return path
}

// packageReader reads packages with the machine's xz.
func (p *program) packageReader() reader.Reader { return reader.Reader{XZ: p.xz()} }

// getenv is os.Getenv on the environment that the program was given.
func (p *program) getenv(name string) string { return environ.Environ(p.environ).Get(name) }

// abs makes a path of the command line absolute: it is relative to the caller's
// directory, whatever -C says.
func (p *program) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.cwd, path)
}

// cacheRoot is ENVBUILD_CACHE, or the directory of the XDG base directory
// specification.
func (p *program) cacheRoot() (string, error) {
	if dir := p.getenv("ENVBUILD_CACHE"); dir != "" {
		return p.abs(dir), nil
	}
	if dir := p.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "envbuild"), nil
	}
	if home := p.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "envbuild"), nil
	}
	return "", &usageError{message: "there is no place for the cache: HOME is not set", hint: "set ENVBUILD_CACHE to a directory"}
}

// spec finds and reads the spec, and refuses one that lacks what the use needs.
func (p *program) spec(g globals, use pkgspec.Use) (*pkgspec.Spec, error) {
	from := p.cwd
	if g.dir != "" {
		from = p.abs(g.dir)
	}
	return project.ReadSpec(from, use, project.Languages(), p.display)
}

// display is a path as a person wants to read it in an error: relative to the
// caller's directory if it is below it.
func (p *program) display(path string) string {
	rel, err := filepath.Rel(p.cwd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// println prints a result.
func (p *program) println(line string) error {
	_, err := fmt.Fprintln(p.stdout, line)
	return err
}

// printPath prints one path, or with --json a document that holds it.
func (p *program) printPath(g globals, path string) error {
	if g.json {
		return p.printJSON(map[string]string{"path": path})
	}
	return p.println(path)
}

func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// noArguments fails if a verb that takes none got one.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return &usageError{
			message: fmt.Sprintf("%s takes no argument, got %q", verbOf(c), c.Args().First()),
			hint:    "`" + verbOf(c) + " --help` tells what it takes",
		}
	}
	return nil
}
