package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb"
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
			&cli.StringFlag{Name: "origin", Usage: "whose packages these are, a `TEXT` (default: that of another distribution, or the folder's name); it can't be changed"},
			&cli.StringFlag{Name: "label", Usage: "what they are, a `TEXT` (default: the origin); it can't be changed"},
			&cli.StringFlag{Name: "description", Usage: "more about them, one line of `TEXT`"},
			&cli.StringFlag{Name: "name", Usage: "the `NAME` that begins the names of the keyring and the sources"},
			&cli.StringFlag{Name: "url", Usage: "the `URL` at which clients find the repository (default: the folder)"},
			&cli.BoolFlag{Name: "contents", Usage: "list the packages' files too, for apt-file"},
			&cli.BoolFlag{Name: "only-compressed", Usage: "store no uncompressed indexes, which apt doesn't ask for"},
		),
		Action: p.withFolder(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error { return s.init(ctx, c) }),
	}
}

func (s *repoSession) init(ctx context.Context, c *cli.Context) (err error) {
	if err := required(c, "distribution"); err != nil {
		return err
	}
	opts, err := s.writeOptions(ctx, c)
	if err != nil {
		return err
	}
	setup, err := s.setup(ctx, c)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "envbuild-repo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var keyring string
	setup.Keyring = func(ctx context.Context, k repo.Keyring) (string, error) {
		path, err := s.keyringPackage(ctx, dir, k)
		keyring = path
		return path, err
	}
	r, err := repo.Init(ctx, s.storage, setup, opts)
	if err != nil {
		return err
	}
	if keys := s.signingOf(c); !keys.empty() {
		if err := saveSigning(s.folder.Root(), keys); err != nil {
			return err
		}
	}
	files, err := r.WriteClientFiles(ctx, fileURL(s.folder.Root()))
	if err != nil {
		return err
	}
	deb, err := os.ReadFile(keyring)
	if err != nil {
		return err
	}
	name := r.Name() + "-archive-keyring.deb"
	if err := s.storage.Replace(ctx, name, deb, repo.Any); err != nil {
		return err
	}
	return s.printMade(files, name)
}

// printMade prints the repository's folder, and with --json its files for clients.
func (s *repoSession) printMade(files repo.ClientFiles, keyringDeb string) error {
	if !s.json {
		return s.println(s.folder.Root())
	}
	sources := make([]string, len(files.Sources))
	for i, name := range files.Sources {
		sources[i] = s.storage.Location(name)
	}
	return s.printJSON(map[string]any{
		"path": s.folder.Root(), "keyring": s.storage.Location(files.Keyring), "keyring_package": s.storage.Location(keyringDeb), "sources": sources,
	})
}

// setup reads the flags. What a new distribution needs and they don't say is taken
// from the machine and the folder.
func (s *repoSession) setup(ctx context.Context, c *cli.Context) (repo.Setup, error) {
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
	r, err := repo.Open(ctx, s.storage, repo.Options{})
	var none *repo.NotFoundError
	if err != nil && !errors.As(err, &none) {
		return setup, err
	}
	if r != nil && slices.Contains(r.Distributions(), setup.Settings.Distribution) {
		return setup, nil
	}
	if r == nil && setup.Settings.Origin == "" {
		setup.Settings.Origin = filepath.Base(s.folder.Root())
	}
	if r == nil && setup.Name == "" {
		setup.Name = repoName(setup.Settings.Origin)
	}
	if len(setup.Settings.Architectures) == 0 {
		arch, err := deb.Arch(runtime.GOARCH)
		if err != nil {
			return setup, err
		}
		setup.Settings.Architectures = []string{arch}
	}
	if _, err := os.Stat(s.folder.Root()); errors.Is(err, fs.ErrNotExist) {
		s.notice("making " + s.folder.Root())
	}
	return setup, nil
}
