package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) sbomCommand() *cli.Command {
	return &cli.Command{
		Name:      "sbom",
		Usage:     "print the bill of materials of the project's lock, or of a package, as CycloneDX",
		ArgsUsage: "[DEB]",
		Action: func(c *cli.Context) error {
			switch c.NArg() {
			case 0:
				return p.with(pkgspec.UseBuild, func(ctx context.Context, _ *cli.Context, s *session) error {
					return p.printText(deploy.SBOM(ctx, s.Project))
				})(c)
			case 1:
				return p.printText(deploy.ReadSBOM(p.abs(c.Args().First()), p.packageReader()))
			}
			return &usageError{message: "sbom takes one package at most", hint: "without one it is about the project's lock"}
		},
	}
}

// printText prints a result as it is.
func (p *program) printText(text []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(text)
	return err
}
