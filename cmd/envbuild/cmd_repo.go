package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/publish/target"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deploy/publishing"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) repoCommand() *cli.Command {
	return &cli.Command{
		Name:  "repo",
		Usage: "manage an apt repository in a directory, a bucket or on another host",
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
	*managed.Repository
	args []string // behind DIR
}

type repoAction func(context.Context, *cli.Context, *repoSession) error

// withDir makes the action of a verb that takes DIR and, behind it, at least
// least and at most most arguments (-1: any number).
func (p *program) withDir(least, most int, f repoAction) cli.ActionFunc {
	return func(c *cli.Context) error {
		g, err := p.globalsOf(c)
		if err != nil {
			return err
		}
		args := c.Args().Slice()
		if len(args) == 0 {
			return &usageError{message: "repo " + c.Command.Name + " needs the repository's directory", hint: c.Command.UsageText}
		}
		if err := countArgs(c, args[1:], least, most); err != nil {
			return err
		}
		r := managed.Local(p.abs(args[0]), managed.Options{Environ: p.environ, Now: p.now, XZ: p.xz(), Notice: func(message string) {
			if !g.quiet {
				fmt.Fprintln(p.stderr, message)
			}
		}})
		return f(c.Context, c, &repoSession{program: p, globals: g, Repository: r, args: args[1:]})
	}
}

func countArgs(c *cli.Context, args []string, least, most int) error {
	if n := len(args); n < least || most >= 0 && n > most {
		return &usageError{message: fmt.Sprintf("repo %s got %d arguments behind the repository", c.Command.Name, n), hint: c.Command.UsageText}
	}
	return nil
}

// withRepo is withDir, where --target may stand instead of DIR.
func (p *program) withRepo(least, most int, f repoAction) cli.ActionFunc {
	inDir := p.withDir(least, most, f)
	inTarget := p.with(pkgspec.UsePublish, func(ctx context.Context, c *cli.Context, s *session) (err error) {
		args := c.Args().Slice()
		if err := countArgs(c, args, least, most); err != nil {
			return err
		}
		_, r, done, err := s.openTarget(ctx, c.String(targetFlag))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		return f(ctx, c, &repoSession{program: p, globals: s.globals, Repository: r, args: args})
	})
	return func(c *cli.Context) error {
		if c.IsSet(targetFlag) {
			return inTarget(c)
		}
		return inDir(c)
	}
}

const targetFlag = "target"

// repoFlags are the flags of a verb that withRepo makes.
func repoFlags(more ...cli.Flag) []cli.Flag {
	return append(more, &cli.StringFlag{Name: targetFlag, Usage: "the repository is `TARGET` of the spec's publish; then DIR is left out"})
}

// openTarget opens the repository of a target of the spec.
func (s *session) openTarget(ctx context.Context, name string) (t pkgspec.PublishTarget, r *managed.Repository, done func() error, err error) {
	if t, err = target.Choose(s.spec, name); err != nil {
		return t, nil, nil, err
	}
	r, done, err = target.OpenRepository(ctx, t, publishing.TargetOptions(s.Project))
	return t, r, done, err
}

// openToWrite opens the repository to be changed, with the keys of the flags, else
// those that init was given, or the spec has.
func (s *repoSession) openToWrite(ctx context.Context, c *cli.Context) (*repo.Repository, error) {
	return s.OpenToWrite(ctx, s.keysOf(c))
}

func signingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "sign-key", Usage: "sign with the secret key in `FILE`; twice while keys are changed"},
		&cli.StringSliceFlag{Name: "sign-gpg", Usage: "sign through gpg with the key `ID`: its agent, a smart card"},
		&cli.StringSliceFlag{Name: "sign-command", Usage: "sign through `COMMAND`, called with inline, detached or public"},
		&cli.StringFlag{Name: "passphrase-file", Usage: "read the keys' passphrase from `FILE` (or " + managed.PassphraseEnv + ")"},
	}
}

// keysOf reads the flags.
func (p *program) keysOf(c *cli.Context) managed.Keys {
	k := managed.Keys{GPG: c.StringSlice("sign-gpg"), Commands: c.StringSlice("sign-command")}
	for _, path := range c.StringSlice("sign-key") {
		k.Files = append(k.Files, p.abs(path))
	}
	if path := c.String("passphrase-file"); path != "" {
		k.PassphraseFile = p.abs(path)
	}
	return k
}

// locatedPackage is a package as the verbs print it.
type locatedPackage struct {
	repo.Published
	path string
}

// MarshalJSON adds the path to what the repository says.
func (p locatedPackage) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Path string `json:"path"`
		repo.Published
	}{p.path, p.Published})
}

// printPackages prints packages' paths, or with --json all that is known of them.
func (s *repoSession) printPackages(list []repo.Published) error {
	out := make([]locatedPackage, len(list))
	for i, pkg := range list {
		out[i] = locatedPackage{pkg, s.Storage.Location(pkg.File)}
	}
	if s.json {
		return s.printJSON(map[string]any{"packages": out})
	}
	for _, pkg := range out {
		if pkg.Already {
			s.Notice(fmt.Sprintf("%s %s %s was there already", pkg.Package, pkg.Version, pkg.Architecture))
		}
		if err := s.println(pkg.path); err != nil {
			return err
		}
	}
	return nil
}

// required fails if a flag isn't given.
func required(c *cli.Context, flags ...string) error {
	for _, name := range flags {
		if c.String(name) == "" {
			return &usageError{message: "repo " + c.Command.Name + " needs --" + name, hint: c.Command.UsageText}
		}
	}
	return nil
}

// placeOf reads the flags --distribution and --component.
func placeOf(c *cli.Context) repo.Place {
	return repo.Place{Distribution: c.String("distribution"), Component: c.String("component")}
}

func placeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "distribution", Usage: "the distribution `NAME`; needed if there are several"},
		&cli.StringFlag{Name: "component", Usage: "the component `NAME` (default: main, or the only one)"},
	}
}

// parseSelectors reads the arguments of verbs that choose packages.
func parseSelectors(args []string) ([]repo.Selector, error) {
	out := make([]repo.Selector, len(args))
	for i, arg := range args {
		var err error
		if out[i], err = repo.ParseSelector(arg); err != nil {
			return nil, err
		}
	}
	return out, nil
}
