package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) tarCommand() *cli.Command {
	return &cli.Command{
		Name:  "tar",
		Usage: "build, and write a tarball that runs wherever it is unpacked",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "put the tarball into `DIR`", Value: "."},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			path, err := deploy.Tarball(ctx, s.Project, s.abs(c.String("o")), c.String("version"))
			if err != nil {
				return err
			}
			return s.printPath(s.globals, path)
		}),
	}
}
