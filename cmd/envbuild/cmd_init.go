package main

import (
	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) initCommand() *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "write " + pkgspec.SpecName + " from what the project has",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			g, err := p.globalsOf(c)
			if err != nil {
				return err
			}
			dir := p.cwd
			if g.dir != "" {
				dir = p.abs(g.dir)
			}
			file, err := project.Init(c.Context, dir, project.Languages(), p.display)
			if err != nil {
				return err
			}
			return p.printPath(g, file)
		},
	}
}
