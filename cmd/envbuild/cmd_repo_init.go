package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/repo"
)

func (p *program) repoInitCommand() *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "make a repository or a distribution in it, change one, change keys",
		UsageText: "envbuild repo init --distribution NAME --sign-key FILE [OPTIONS] DIR",
		Flags: append(signingFlags(),
			&cli.StringFlag{Name: "distribution", Usage: "the distribution's `NAME`, as sources ask for it: bookworm"},
			&cli.StringFlag{Name: "suite", Usage: "another `NAME` of it, for people: stable"},
			&cli.StringSliceFlag{Name: "component", Usage: "a component's `NAME` (default: main); may be repeated"},
			&cli.StringSliceFlag{Name: "architecture", Usage: "an architecture's `NAME` (default: this machine's); may be repeated"},
			&cli.StringFlag{Name: "origin", Usage: "whose packages these are, a `TEXT` (default: that of another distribution, or the directory's name); it can't be changed"},
			&cli.StringFlag{Name: "label", Usage: "what they are, a `TEXT` (default: the origin); it can't be changed"},
			&cli.StringFlag{Name: "description", Usage: "more about them, one line of `TEXT`"},
			&cli.StringFlag{Name: "name", Usage: "the `NAME` that begins the names of the keyring and the sources"},
			&cli.StringFlag{Name: "url", Usage: "the `URL` at which clients find the repository (default: the directory)"},
			&cli.BoolFlag{Name: "contents", Usage: "list the packages' files too, for apt-file"},
			&cli.BoolFlag{Name: "only-compressed", Usage: "store no uncompressed indexes, which apt doesn't ask for"},
		),
		Action: p.withDir(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error { return s.init(ctx, c) }),
	}
}

func (s *repoSession) init(ctx context.Context, c *cli.Context) error {
	if err := required(c, "distribution"); err != nil {
		return err
	}
	made, err := s.Init(ctx, setupOf(c), s.keysOf(c))
	if err != nil {
		return err
	}
	if !s.json {
		return s.println(s.Root)
	}
	sources := make([]string, len(made.Sources))
	for i, name := range made.Sources {
		sources[i] = s.Storage.Location(name)
	}
	return s.printJSON(map[string]any{
		"path": s.Root, "keyring": s.Storage.Location(made.Keyring), "keyring_package": s.Storage.Location(made.KeyringPackage), "sources": sources,
	})
}

// setupOf reads the flags.
func setupOf(c *cli.Context) repo.Setup {
	setup := repo.Setup{
		Name: c.String("name"), URL: c.String("url"),
		Settings: repo.Settings{
			Distribution: c.String("distribution"), Suite: c.String("suite"), Origin: c.String("origin"), Label: c.String("label"),
			Description: c.String("description"), Components: c.StringSlice("component"), Architectures: c.StringSlice("architecture"),
		},
	}
	for _, f := range []struct {
		flag string
		to   **bool
	}{{"contents", &setup.Contents}, {"only-compressed", &setup.OnlyCompressed}} {
		if c.IsSet(f.flag) {
			v := c.Bool(f.flag)
			*f.to = &v
		}
	}
	return setup
}
