package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) logCommand() *cli.Command {
	return &cli.Command{
		Name:      "log",
		Usage:     "print the log of a step's last run in this project",
		ArgsUsage: "NAME",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if c.NArg() != 1 {
				return &usageError{message: "log takes the name of one step", hint: "`envbuild plan` lists the steps"}
			}
			return s.printLog(ctx, c.Args().First())
		}),
	}
}

func (s *session) printLog(ctx context.Context, name string) error {
	pl, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	step, err := pl.Step(name)
	if err != nil {
		return err
	}
	if step.Engine == plan.Unpack {
		return &build.NoSandboxError{Step: step}
	}
	key, err := pl.Builder.LastKey(ctx, pl.Graph, step)
	if err != nil {
		return err
	}
	f, err := os.Open(s.Store.LogPath(key))
	if notExist(err) {
		return errors.New(step.Name + " was never built here, so it has no log")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(s.stdout, f)
	return err
}
