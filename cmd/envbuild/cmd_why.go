package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) whyCommand() *cli.Command {
	return &cli.Command{
		Name:      "why",
		Usage:     "show who needs a distribution or module, and why it would be built",
		ArgsUsage: "NAME",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if c.NArg() != 1 {
				return &usageError{message: "why takes the name of one distribution or module", hint: "`envbuild plan` lists the distributions"}
			}
			return s.why(ctx, c.Args().First())
		}),
	}
}

type whyDocument struct {
	Name    string     `json:"name"`
	Version string     `json:"version"`
	Paths   [][]string `json:"paths"` // from what nothing else needs down to the name
	Build   string     `json:"build"`
}

func (s *session) why(ctx context.Context, name string) error {
	pl, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	step, err := pl.Step(name)
	if err != nil {
		return err
	}
	decisions, err := pl.Decide(ctx)
	if err != nil {
		return err
	}
	doc := whyDocument{Name: step.Name, Version: step.Version, Paths: pl.Graph.PathsTo(step)}
	for _, d := range decisions {
		if d.Step == step {
			doc.Build = d.Why
		}
	}
	if s.json {
		return s.printJSON(doc)
	}
	fmt.Fprintf(s.stdout, "%s %s: %s\n", step.Name, step.Version, doc.Build)
	if len(doc.Paths) == 0 {
		fmt.Fprintln(s.stdout, "  the project itself asks for it")
	}
	for _, path := range doc.Paths {
		fmt.Fprintln(s.stdout, "  "+strings.Join(path, " → "))
	}
	return nil
}
