package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) repoCommand() *cli.Command {
	return &cli.Command{
		Name:  "repo",
		Usage: "keep an apt repository in a folder, a bucket or on another host",
		Subcommands: []*cli.Command{
			p.repoInitCommand(), p.repoAddCommand(), p.repoListCommand(), p.repoRemoveCommand(), p.repoCopyCommand(),
			p.repoRollbackCommand(), p.repoGCCommand(), p.repoVerifyCommand(), p.repoServeCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return &usageError{message: fmt.Sprintf("envbuild repo has no verb %q", c.Args().First()), hint: "`envbuild repo --help` lists them"}
			}
			return &usageError{message: "repo needs to know what to do", hint: "envbuild repo init, add, ls, rm, copy, rollback, gc, verify or serve"}
		},
	}
}

// repoSession is one call of a verb of repo.
type repoSession struct {
	*program
	globals
	storage located
	folder  *repo.Folder // nil if the storage is none
	keeper  *keeper      // of a target of the spec, or nil
	args    []string     // behind DIR
}

type repoAction func(context.Context, *cli.Context, *repoSession) error

// withFolder makes the action of a verb that takes DIR and, behind it, at least
// least and at most most arguments (-1: any number).
func (p *program) withFolder(least, most int, f repoAction) cli.ActionFunc {
	return func(c *cli.Context) error {
		g, err := p.globalsOf(c)
		if err != nil {
			return err
		}
		args := c.Args().Slice()
		if len(args) == 0 {
			return &usageError{message: "repo " + c.Command.Name + " needs the repository's folder", hint: c.Command.UsageText}
		}
		if err := countArgs(c, args[1:], least, most); err != nil {
			return err
		}
		folder := repo.NewFolder(p.abs(args[0]), p.now)
		return f(c.Context, c, &repoSession{program: p, globals: g, storage: localFolder{folder}, folder: folder, args: args[1:]})
	}
}

func countArgs(c *cli.Context, args []string, least, most int) error {
	if n := len(args); n < least || most >= 0 && n > most {
		return &usageError{message: fmt.Sprintf("repo %s got %d arguments behind the repository", c.Command.Name, n), hint: c.Command.UsageText}
	}
	return nil
}

// withRepo is withFolder, where --target may stand instead of DIR.
func (p *program) withRepo(least, most int, f repoAction) cli.ActionFunc {
	inFolder := p.withFolder(least, most, f)
	inTarget := p.with(pkgspec.UsePublish, func(ctx context.Context, c *cli.Context, s *session) (err error) {
		args := c.Args().Slice()
		if err := countArgs(c, args, least, most); err != nil {
			return err
		}
		k, done, err := s.openTarget(ctx, c.String(targetFlag))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		return f(ctx, c, &repoSession{program: p, globals: s.globals, storage: k.storage, keeper: k, args: args})
	})
	return func(c *cli.Context) error {
		if c.IsSet(targetFlag) {
			return inTarget(c)
		}
		return inFolder(c)
	}
}

const targetFlag = "target"

// repoFlags are the flags of a verb that withRepo makes.
func repoFlags(more ...cli.Flag) []cli.Flag {
	return append(more, &cli.StringFlag{Name: targetFlag, Usage: "the repository is `TARGET` of the spec's publish; then DIR is left out"})
}

// open opens the repository to be read, or to be written with the keys of the
// flags, else those that init was given, or the spec has.
func (s *repoSession) open(ctx context.Context, c *cli.Context, writes bool) (*repo.Repository, error) {
	opts := repo.Options{Now: s.now, XZ: s.xz()}
	if writes {
		var err error
		if opts, err = s.writeOptions(ctx, c); err != nil {
			return nil, err
		}
	}
	return repo.Open(ctx, s.storage, opts)
}

func (s *repoSession) writeOptions(ctx context.Context, c *cli.Context) (repo.Options, error) {
	keys := s.signingOf(c)
	if keys.empty() && s.keeper != nil {
		return s.keeper.options(ctx, keys.PassphraseFile)
	}
	if keys.empty() {
		saved, err := readSigning(s.folder.Root())
		if err != nil {
			return repo.Options{}, err
		}
		if keys.PassphraseFile != "" {
			saved.PassphraseFile = keys.PassphraseFile
		}
		keys = saved
	}
	return s.repoOptions(ctx, keys, s.notice)
}

func (s *repoSession) notice(message string) {
	switch {
	case s.keeper != nil:
		s.keeper.publishNotice(message)
	case !s.quiet:
		fmt.Fprintln(s.stderr, message)
	}
}

// placed is a package as the verbs print it.
type placed struct {
	repo.Published
	path string
}

// MarshalJSON adds the path to what the repository says.
func (p placed) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Path string `json:"path"`
		repo.Published
	}{p.path, p.Published})
}

// printPackages prints packages' paths, or with --json all that is known of them.
func (s *repoSession) printPackages(list []repo.Published) error {
	out := make([]placed, len(list))
	for i, pkg := range list {
		out[i] = placed{pkg, s.storage.Location(pkg.File)}
	}
	if s.json {
		return s.printJSON(map[string]any{"packages": out})
	}
	for _, pkg := range out {
		if pkg.Already {
			s.notice(fmt.Sprintf("%s %s %s was there already", pkg.Package, pkg.Version, pkg.Architecture))
		}
		if err := s.println(pkg.path); err != nil {
			return err
		}
	}
	return nil
}

// fileURL is the address of a folder for clients on the same machine.
func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// required fails if a flag isn't given.
func required(c *cli.Context, flags ...string) error {
	for _, name := range flags {
		if c.String(name) == "" {
			return &usageError{message: "repo " + c.Command.Name + " needs --" + name, hint: c.Command.UsageText}
		}
	}
	return nil
}

// place reads the flags --distribution and --component.
func place(c *cli.Context) repo.Place {
	return repo.Place{Distribution: c.String("distribution"), Component: c.String("component")}
}

func placeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "distribution", Usage: "the distribution `NAME`; needed if there are several"},
		&cli.StringFlag{Name: "component", Usage: "the component `NAME` (default: main, or the only one)"},
	}
}

// selectors reads the arguments of verbs that choose packages.
func selectors(args []string) ([]repo.Selector, error) {
	out := make([]repo.Selector, len(args))
	for i, arg := range args {
		var err error
		if out[i], err = repo.ParseSelector(arg); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// repoName makes a name for files and packages of a text.
func repoName(text string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '+':
			return r
		}
		return '-'
	}, text), "-.+")
	if len(name) < 2 {
		return "internal"
	}
	return name
}
