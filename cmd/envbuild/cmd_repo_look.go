package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/deb/repo"
)

func (p *program) repoListCommand() *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list packages, or generations",
		UsageText: "envbuild repo ls [--distribution NAME] [--generations] DIR",
		Flags: repoFlags(
			&cli.StringFlag{Name: "distribution", Usage: "only the distribution `NAME`"},
			&cli.BoolFlag{Name: "generations", Usage: "list the generations that are kept"},
		),
		Action: p.withRepo(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			r, err := s.Open(ctx)
			if err != nil {
				return err
			}
			if !c.Bool("generations") {
				list, err := r.List(ctx, c.String("distribution"))
				if err != nil {
					return err
				}
				return s.printList(list)
			}
			dists := r.Distributions()
			if name := c.String("distribution"); name != "" {
				dists = []string{name}
			}
			all := []repo.Generation{}
			for _, dist := range dists {
				list, err := r.Generations(ctx, dist)
				if err != nil {
					return err
				}
				all = append(all, list...)
			}
			return s.printGenerations(all)
		}),
	}
}

func (s *repoSession) printList(list []repo.Published) error {
	if s.json {
		return s.printPackages(list)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "DISTRIBUTION\tCOMPONENT\tPACKAGE\tVERSION\tARCHITECTURE\tBYTES")
	for _, pkg := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", pkg.Distribution, pkg.Component, pkg.Package, pkg.Version, pkg.Architecture, pkg.Size)
	}
	return w.Flush()
}

func (s *repoSession) printGenerations(list []repo.Generation) error {
	if s.json {
		return s.printJSON(map[string]any{"generations": list})
	}
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "DISTRIBUTION\tGENERATION\tDATE\tENTRIES\tCURRENT\tACTION")
	for _, g := range list {
		current := "no"
		if g.Current {
			current = "yes"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\n", g.Distribution, g.Number, g.Date.Format(time.RFC3339), g.Packages, current, g.Action)
	}
	return w.Flush()
}

func (s *repoSession) printCollected(c repo.Collected) error {
	if s.json {
		return s.printJSON(c)
	}
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PACKAGES\tGENERATIONS\tFILES\tBYTES")
	fmt.Fprintf(w, "%d\t%d\t%d\t%d\n", len(c.Packages), c.Generations, c.Files, c.Bytes)
	if c.Waiting > 0 {
		s.Notice(fmt.Sprintf("%d more files go with a later run, if they are unused still", c.Waiting))
	}
	return w.Flush()
}

func (p *program) repoVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check every signature, hash and package of all kept generations",
		UsageText: "envbuild repo verify [--keyring FILE] DIR",
		Flags:     repoFlags(&cli.StringFlag{Name: "keyring", Usage: "trust the keys in `FILE` (default: the repository's own)"}),
		Action: p.withRepo(0, 0, func(ctx context.Context, c *cli.Context, s *repoSession) error {
			r, err := s.Open(ctx)
			if err != nil {
				return err
			}
			var keyring []byte
			if path := c.String("keyring"); path != "" {
				if keyring, err = os.ReadFile(s.abs(path)); err != nil {
					return err
				}
			}
			v, err := r.Verify(ctx, keyring)
			if err != nil {
				return err
			}
			return errors.Join(s.printVerified(v), errors.Join(v.Problems...))
		}),
	}
}

func (s *repoSession) printVerified(v repo.Verified) error {
	if s.json {
		problems := make([]string, len(v.Problems))
		for i, p := range v.Problems {
			problems[i] = p.Error()
		}
		return s.printJSON(struct {
			repo.Verified
			Problems []string `json:"problems"`
		}{v, problems})
	}
	s.Notice(fmt.Sprintf("%d distributions, %d generations, %d indexes and %d packages checked, %d problems",
		v.Distributions, v.Generations, v.Indexes, v.Packages, len(v.Problems)))
	return nil
}
