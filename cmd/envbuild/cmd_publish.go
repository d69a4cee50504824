package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deploy/publishing"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) publishCommand() *cli.Command {
	return &cli.Command{
		Name:      "publish",
		Usage:     "put packages into an apt repository; already there with the same bytes is success",
		UsageText: "envbuild publish [--to TARGET] [DEB…]",
		Description: "Without DEB… the packages are made first, as `envbuild deb` makes them.\n" +
			"stdout has one line for each package: where it is.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "publish to the spec's `TARGET`; needed if it has several"},
			&cli.StringFlag{Name: "version", Usage: "the application's version is `V`, whatever the spec says"},
		},
		Action: p.with(pkgspec.UsePublish, func(ctx context.Context, c *cli.Context, s *session) error {
			if c.Args().Present() && c.IsSet("version") {
				return &usageError{message: "--version says what packages to make, but some are named", hint: "leave one of the two out"}
			}
			opts := publishing.Options{To: c.String("to"), Version: c.String("version")}
			for _, path := range c.Args().Slice() {
				opts.Debs = append(opts.Debs, s.abs(path))
			}
			to, published, err := publishing.Publish(ctx, s.Project, opts)
			// What was published is said even if the rest failed.
			return errors.Join(err, s.printPublished(to, published))
		}),
	}
}

// publishedPackage is a package as --json reports it.
type publishedPackage struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Arch     string `json:"arch"`
	File     string `json:"file"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Location string `json:"location"`
	Already  bool   `json:"already"`
}

// printPublished prints where packages are, one a line.
func (s *session) printPublished(target string, published []publish.Published) error {
	list := make([]publishedPackage, len(published))
	for i, p := range published {
		list[i] = publishedPackage{
			Name: p.Name, Version: p.Version, Arch: p.Arch, File: p.File(),
			Size: p.Size, SHA256: p.SHA256.String(), Location: p.Location, Already: p.Already,
		}
		if p.Already {
			s.Notice(p.File() + " was there already, with the same bytes")
		}
	}
	if s.json {
		return s.printJSON(map[string]any{"target": target, "packages": list})
	}
	for _, p := range list {
		if err := s.println(p.Location); err != nil {
			return err
		}
	}
	return nil
}
