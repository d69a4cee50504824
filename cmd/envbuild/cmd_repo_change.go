package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/repo"
)

func (p *program) repoAddCommand() *cli.Command {
	return &cli.Command{
		Name:      "add",
		Usage:     "publish packages; what is there with the same bytes is a success",
		UsageText: "envbuild repo add [--distribution NAME] [--component NAME] DIR DEB…",
		Flags:     repoFlags(append(placeFlags(), signingFlags()...)...),
		Action: p.withRepo(1, -1, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			r, err := s.openToWrite(ctx, c)
			if err != nil {
				return err
			}
			paths := make([]string, len(s.args))
			for i, arg := range s.args {
				paths[i] = s.abs(arg)
			}
			added, err := r.Add(ctx, placeOf(c), paths)
			if err != nil {
				return err
			}
			return s.printPackages(added)
		}),
	}
}

func (p *program) repoRemoveCommand() *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "take packages out of a distribution; older generations keep them",
		UsageText: "envbuild repo rm [--distribution NAME] [--component NAME] DIR NAME[:ARCH][=VERSION]…",
		Flags:     repoFlags(append(placeFlags(), signingFlags()...)...),
		Action: p.withRepo(1, -1, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			what, err := parseSelectors(s.args)
			if err != nil {
				return err
			}
			r, err := s.openToWrite(ctx, c)
			if err != nil {
				return err
			}
			removed, err := r.Remove(ctx, placeOf(c), what)
			if err != nil {
				return err
			}
			return s.printPackages(removed)
		}),
	}
}

func (p *program) repoCopyCommand() *cli.Command {
	return &cli.Command{
		Name:      "copy",
		Usage:     "put packages of one distribution into another: the same files",
		UsageText: "envbuild repo copy --from NAME --to NAME DIR PACKAGE[:ARCH][=VERSION]…",
		Flags: repoFlags(append(signingFlags(),
			&cli.StringFlag{Name: "from", Usage: "the distribution `NAME` that has them"},
			&cli.StringFlag{Name: "to", Usage: "the distribution `NAME` that gets them"},
			&cli.StringFlag{Name: "component", Usage: "only packages of the component `NAME`"},
			&cli.StringFlag{Name: "to-component", Usage: "put them into the component `NAME` (default: the one they are in)"},
		)...),
		Action: p.withRepo(1, -1, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			if err := required(c, "from", "to"); err != nil {
				return err
			}
			what, err := parseSelectors(s.args)
			if err != nil {
				return err
			}
			r, err := s.openToWrite(ctx, c)
			if err != nil {
				return err
			}
			from := repo.Place{Distribution: c.String("from"), Component: c.String("component")}
			copied, err := r.Copy(ctx, from, repo.Place{Distribution: c.String("to"), Component: c.String("to-component")}, what)
			if err != nil {
				return err
			}
			return s.printPackages(copied)
		}),
	}
}

func (p *program) repoRollbackCommand() *cli.Command {
	return &cli.Command{
		Name:      "rollback",
		Usage:     "make an old generation the current one, with a new date",
		UsageText: "envbuild repo rollback [--distribution NAME] [--to NUMBER] DIR",
		Flags: repoFlags(append(signingFlags(),
			&cli.StringFlag{Name: "distribution", Usage: "the distribution `NAME`; needed if there are several"},
			&cli.IntFlag{Name: "to", Usage: "the generation's `NUMBER` (default: the one before the current)"},
		)...),
		Action: p.withRepo(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			if c.IsSet("to") && c.Int("to") < 1 {
				return &usageError{message: "--to takes the number of a generation", hint: "`envbuild repo ls --generations` lists them"}
			}
			r, err := s.openToWrite(ctx, c)
			if err != nil {
				return err
			}
			g, err := r.Rollback(ctx, c.String("distribution"), c.Int("to"))
			if err != nil {
				return err
			}
			return s.printGenerations([]repo.Generation{g})
		}),
	}
}

func (p *program) repoGCCommand() *cli.Command {
	return &cli.Command{
		Name:      "gc",
		Usage:     "forget old generations and versions, remove files that nothing names",
		UsageText: "envbuild repo gc [--generations N] [--versions N] [--grace DURATION] [--dry-run] DIR",
		Flags: repoFlags(append(signingFlags(),
			&cli.IntFlag{Name: "generations", Usage: "keep `N` generations of each distribution", Value: 10},
			&cli.IntFlag{Name: "versions", Usage: "keep `N` versions of each package listed (0: all)"},
			&cli.DurationFlag{Name: "grace", Usage: "keep what was current within `DURATION`, for clients that read it", Value: time.Hour},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be removed"},
		)...),
		Action: p.withRepo(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			policy := repo.Policy{
				Generations: c.Int("generations"), Versions: c.Int("versions"), Grace: c.Duration("grace"), DryRun: c.Bool("dry-run"),
			}
			open := s.Open
			if policy.Versions > 0 && !policy.DryRun {
				open = func(ctx context.Context) (*repo.Repository, error) { return s.openToWrite(ctx, c) }
			}
			r, err := open(ctx)
			if err != nil {
				return err
			}
			collected, err := r.GC(ctx, policy)
			if err != nil {
				return err
			}
			return s.printCollected(collected)
		}),
	}
}
