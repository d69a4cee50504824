package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
)

// Script is a program for a runtime.
type Script struct {
	// Runtime is the step that builds the runtime, and Interpreter its program,
	// below the step's prefix.
	Runtime     plan.Step
	Interpreter string
	Text        string
	Stdin       []byte
}

// scriptFile is a script's name in its work directory.
const scriptFile = "script"

// Evaluate builds the runtime, runs the script in a sandbox that sees nothing
// else, and returns what it printed.
func (b *Builder) Evaluate(ctx context.Context, script Script) (_ []byte, err error) {
	g, err := plan.NewGraph([]plan.Step{script.Runtime})
	if err != nil {
		return nil, err
	}
	res, err := b.Build(ctx, g)
	if err != nil {
		return nil, err
	}
	dir, remove, err := b.opts.Store.TempDir("script")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	work, scratch := filepath.Join(dir, "work"), filepath.Join(dir, "scratch")
	if err := errors.Join(os.Mkdir(work, 0o755), os.Mkdir(scratch, 0o755)); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, scriptFile), []byte(script.Text), 0o644); err != nil {
		return nil, err
	}
	runner, err := b.opts.Sandbox(ctx)
	if err != nil {
		return nil, err
	}
	var env []string
	for _, v := range plan.Environ(&script.Runtime) {
		env = append(env, v.Name+"="+v.Value)
	}
	var out, messages bytes.Buffer
	got, err := runner.Run(ctx, sandbox.Command{
		Argv:     []string{script.Interpreter, scriptFile},
		Env:      env,
		Work:     work,
		WorkPath: plan.WorkPath,
		Layers:   []sandbox.Layer{{Prefix: script.Runtime.Prefix, Lowers: []string{res.Outputs[0].Tree}}},
		Stdin:    bytes.NewReader(script.Stdin),
		Stdout:   &out,
		Stderr:   &messages,
		Scratch:  scratch,
	})
	if err != nil {
		return nil, err
	}
	if got.ExitCode != 0 {
		return nil, fmt.Errorf("%w: %s", exitError(got), strings.TrimSpace(messages.String()))
	}
	return out.Bytes(), nil
}
