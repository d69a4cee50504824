package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/envbuild/envbuild/build/plan"
)

// Terminal is what a shell in a sandbox is connected to.
type Terminal struct {
	In       *os.File
	Out, Err io.Writer
	// TTY says that In is a terminal.
	TTY bool
}

// Shell builds the closure of a step and starts a shell in the step's sandbox,
// with its sources and recipe in place. It returns the shell's exit code. What
// the shell leaves is thrown away.
func (b *Builder) Shell(ctx context.Context, g *plan.Graph, s *plan.Step, term Terminal) (code int, err error) {
	if s.Engine == plan.Unpack {
		return 0, &NoSandboxError{Step: s}
	}
	job, err := b.shellJob(ctx, g, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, job.jobs.Close()) }()
	dir, remove, err := b.opts.Store.TempDir("shell")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	box, err := job.prepare(dir)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(term.Err, "This is the sandbox of %s. Its recipe: sh -eu %s\n", s.Name, recipeFile)
	box.Argv = []string{"/bin/sh", "-i"}
	if !term.TTY {
		box.Argv = []string{"/bin/sh"}
	}
	box.Stdin, box.Stdout, box.Stderr, box.TTY = term.In, term.Out, term.Err, term.TTY
	runner, err := b.opts.Sandbox(ctx)
	if err != nil {
		return 0, err
	}
	res, err := runner.Run(ctx, box)
	return res.ExitCode, err
}

// shellJob is the step's job with its closure built and its sources there.
func (b *Builder) shellJob(ctx context.Context, g *plan.Graph, s *plan.Step) (*stepJob, error) {
	needed, err := closureGraph(g, s)
	if err != nil {
		return nil, err
	}
	res, err := b.Build(ctx, needed)
	if err != nil {
		return nil, err
	}
	job := &stepJob{builder: b, step: s, closure: res.Outputs}
	for _, src := range s.Sources {
		path, err := b.opts.Fetch(ctx, src)
		if err != nil {
			return nil, err
		}
		job.paths = append(job.paths, path)
	}
	job.jobs, err = NewJobserver(b.opts.Jobs)
	return job, err
}

// closureGraph is the graph of a step's closure, without the step.
func closureGraph(g *plan.Graph, s *plan.Step) (*plan.Graph, error) {
	var steps []plan.Step
	for _, dep := range g.Closure(s.ID) {
		steps = append(steps, *dep)
	}
	return plan.NewGraph(steps)
}
