package main

import (
	"context"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) vendorCommand() *cli.Command {
	return &cli.Command{
		Name:      "vendor",
		Usage:     "copy every pinned source into vendor/, in a layout that the language's own tools read too",
		ArgsUsage: "[DIR]",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			dir := filepath.Join(s.spec.Dir, "vendor")
			switch c.NArg() {
			case 0:
			case 1:
				dir = s.abs(c.Args().First())
			default:
				return &usageError{message: "vendor takes one directory at most"}
			}
			if err := s.Vendor(ctx, dir); err != nil {
				return err
			}
			return s.printPath(s.globals, dir)
		}),
	}
}
