package main

import (
	"context"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) shellCommand() *cli.Command {
	return &cli.Command{
		Name:  "shell",
		Usage: "start a shell in the environment, or inside the sandbox of a step",
		Flags: append(execFlags(), &cli.StringFlag{Name: "step", Usage: "enter the sandbox of the step `NAME`, before its recipe has run"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if step := c.String("step"); step != "" {
				return p.with(pkgspec.UseBuild, func(ctx context.Context, _ *cli.Context, s *session) error {
					return s.enterStep(ctx, step)
				})(c)
			}
			shell := p.getenv("SHELL")
			if shell == "" {
				shell = "/bin/sh"
			}
			opts := execOptions{
				assign: c.StringSlice("e"), envFiles: c.StringSlice("env-file"), noBuild: c.Bool("no-build"),
				argv: []string{shell},
			}
			return &execError{p.exec(c, opts)}
		},
	}
}

// enterStep builds what the step needs and starts a shell in its sandbox, with
// its sources and its recipe, as the recipe would find them.
func (s *session) enterStep(ctx context.Context, name string) error {
	pl, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	step, err := pl.Step(name)
	if err != nil {
		return err
	}
	code, err := pl.Builder.Shell(ctx, pl.Graph, step, build.Terminal{
		In: os.Stdin, Out: s.stdout, Err: s.stderr, TTY: term.IsTerminal(int(os.Stdin.Fd())),
	})
	if err != nil {
		return err
	}
	if code != 0 {
		return &statusError{code}
	}
	return nil
}

// statusError carries the exit code of a command that ran.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("the shell ended with status %d", e.code) }
