package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// client runs envbuild as people do: as a process.
type client struct {
	// dir is the working directory, and env the whole environment.
	dir string
	env []string
	// program is envbuild's path; empty finds the one on PATH, which TestMain puts
	// there.
	program string
	// under is a program, with its arguments, that runs envbuild, such as nice.
	under []string
}

// outcome is what a process left.
type outcome struct {
	args           []string
	stdout, stderr string
	code           int
	failure        error // it could not be run
}

func (c client) command(args ...string) *exec.Cmd {
	program := c.program
	if program == "" {
		program = "envbuild"
	}
	argv := append(append(slices.Clone(c.under), program), args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

func (c client) run(args ...string) outcome {
	var stdout, stderr bytes.Buffer
	cmd := c.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	res := outcome{args: args, stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		res.failure = err
	}
	return res
}

// must is run for what has to succeed. It returns stdout without the end of the
// last line.
func (c client) must(t testing.TB, args ...string) string {
	t.Helper()
	res := c.run(args...)
	if err := res.err(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(res.stdout, "\n")
}

func (o outcome) String() string {
	return fmt.Sprintf("envbuild %s: exit code %d\nstdout: %s\nstderr: %s", strings.Join(o.args, " "), o.code, o.stdout, o.stderr)
}

// err is nil if the process ended with exit code 0.
func (o outcome) err() error {
	if o.failure == nil && o.code == 0 {
		return nil
	}
	return errors.Join(o.failure, errors.New(o.String()))
}

// decode reads the one JSON document that stdout must be.
func (o outcome) decode(v any) error {
	if err := o.err(); err != nil {
		return err
	}
	return decodeOne(strings.NewReader(o.stdout), v)
}

// decodeOne reads a JSON document after which nothing may follow.
func decodeOne(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON document")
	}
	return nil
}
