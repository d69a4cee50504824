package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) buildCommand() *cli.Command {
	return &cli.Command{
		Name:  "build",
		Usage: "build the environment, link it into the project, and write config/env.rc and script/env.sh",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "rebuild", Usage: "run the step `NAME` even if the store has its output"},
			&cli.BoolFlag{Name: "keep-failed", Usage: "keep what a failed step leaves"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			local, err := s.BuildLocal(ctx, project.BuildOptions{
				Rebuild: c.StringSlice("rebuild"), KeepFailed: c.Bool("keep-failed"),
			})
			if err != nil {
				return err
			}
			if err := s.WriteEnvironment(local); err != nil {
				return err
			}
			return s.printPath(s.globals, local.Path)
		}),
	}
}
