package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) debCommand() *cli.Command {
	return &cli.Command{
		Name:  "deb",
		Usage: "build and package",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "put the package into `DIR`", Value: "."},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
			&cli.BoolFlag{Name: "nfpm", Usage: "let nfpm's own packager write the package (slower, larger on the disk)"},
		},
		Action: p.with(pkgspec.UseDeb, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.deb(ctx, deploy.DebOptions{Dir: s.abs(c.String("o")), Version: c.String("version"), Nfpm: c.Bool("nfpm")})
		}),
	}
}

// madePackage is a package as --json reports it.
type madePackage struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (s *session) deb(ctx context.Context, opts deploy.DebOptions) error {
	made, err := deploy.Debs(ctx, s.Project, opts)
	if err != nil {
		return err
	}
	list := make([]madePackage, len(made))
	for i, m := range made {
		list[i] = madePackage{Path: m.Path, Size: m.Size, SHA256: m.SHA256.String()}
	}
	if s.json {
		return s.printJSON(map[string][]madePackage{"packages": list})
	}
	for _, m := range list {
		if err := s.println(m.Path); err != nil {
			return err
		}
	}
	return nil
}
