package main

import (
	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) schemaCommand() *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of " + pkgspec.SpecName + ", for editors",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			_, err := p.stdout.Write(pkgspec.Schema(project.Languages().Formats()...))
			return err
		},
	}
}
