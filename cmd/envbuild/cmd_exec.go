package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/pkgspec"
)

type execOptions struct {
	assign   []string
	envFiles []string
	noBuild  bool
	argv     []string
}

// execError is a failure of exec or of what it would run: its exit code is
// shells' (design.md §5).
type execError struct{ err error }

func (e *execError) Error() string { return e.err.Error() }

// Unwrap returns what failed.
func (e *execError) Unwrap() error { return e.err }

func execFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "e", Usage: "set `NAME=VALUE`"},
		&cli.StringSliceFlag{Name: "env-file", Usage: "read variables from `FILE`, before those of the spec"},
		&cli.BoolFlag{Name: "no-build", Usage: "fail with 125 if the environment isn't built"},
	}
}

func (p *program) execCommand() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "replace this process by a command in the environment; builds first if needed",
		ArgsUsage: "[--] CMD…",
		Flags:     execFlags(),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return &usageError{message: "exec needs a command", hint: "for example: envbuild exec -- env"}
			}
			opts := execOptions{
				assign: c.StringSlice("e"), envFiles: c.StringSlice("env-file"), noBuild: c.Bool("no-build"),
				argv: c.Args().Slice(),
			}
			return &execError{p.exec(c, opts)}
		},
	}
}

// exec prepares the environment, closes everything that it opened, and only
// then replaces the process. It returns only if it fails.
func (p *program) exec(c *cli.Context, opts execOptions) error {
	var environ []string
	prepare := p.with(pkgspec.UseBuild, func(ctx context.Context, _ *cli.Context, s *session) error {
		command, err := parseAssignments(opts.assign)
		if err != nil {
			return err
		}
		files := make([]string, len(opts.envFiles))
		for i, f := range opts.envFiles {
			files[i] = s.abs(f)
		}
		over, err := s.Overlay(files, command)
		if err != nil {
			return err
		}
		l, err := s.Local(ctx, opts.noBuild)
		if err != nil {
			return err
		}
		environ, err = l.Env.Resolve(s.environ, over)
		return err
	})
	if err := prepare(c); err != nil {
		return err
	}
	return env.Exec(opts.argv, environ, "")
}

func parseAssignments(texts []string) ([]env.Assignment, error) {
	var out []env.Assignment
	for _, text := range texts {
		a, err := env.ParseAssignment(text)
		if err != nil {
			return nil, fmt.Errorf("-e: %w", err)
		}
		out = append(out, a)
	}
	return out, nil
}
