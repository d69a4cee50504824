package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

type lockOptions struct {
	update []string
	check  bool
}

func (p *program) lockCommand() *cli.Command {
	return &cli.Command{
		Name:  "lock",
		Usage: "resolve the constraints and pin every source by SHA-256 in " + pkgspec.LockName,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "update", Usage: "resolve `NAME` anew, to the newest version that is allowed"},
			&cli.BoolFlag{Name: "check", Usage: "write nothing; exit 1 if the lock is missing or stale"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.lock(ctx, lockOptions{update: c.StringSlice("update"), check: c.Bool("check")})
		}),
	}
}

// checkError gives a stale lock exit code 1 instead of 3: --check asked.
type checkError struct{ reason string }

func (e *checkError) Error() string { return e.reason }

// Hint says how to get a new lock.
func (e *checkError) Hint() string { return (&project.LockError{}).Hint() }

func (s *session) lock(ctx context.Context, opts lockOptions) error {
	if opts.check {
		_, err := s.FreshLock()
		var stale *project.LockError
		if errors.As(err, &stale) {
			return &checkError{reason: stale.Error()}
		}
		if err != nil {
			return err
		}
		return s.printPath(s.globals, s.LockPath())
	}
	if err := s.Lock(ctx, opts.update); err != nil {
		return err
	}
	return s.printPath(s.globals, s.LockPath())
}
