package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) planCommand() *cli.Command {
	return &cli.Command{
		Name:  "plan",
		Usage: "show what would be built, what is cached, and why",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.printPlanned(ctx)
		}),
	}
}

// planStep is a row of the plan as JSON; part of the command line's contract.
type planStep struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Language string   `json:"language"`
	Version  string   `json:"version"`
	Kind     string   `json:"kind"`
	Key      string   `json:"key,omitempty"` // absent as long as it depends on outputs to come
	Output   string   `json:"output,omitempty"`
	Cached   bool     `json:"cached"`
	Why      string   `json:"why"`
	Needs    []string `json:"needs"`
}

type planDocument struct {
	Lock  string     `json:"lock"`
	Steps []planStep `json:"steps"`
}

func (s *session) printPlanned(ctx context.Context) error {
	pl, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	decisions, err := pl.Decide(ctx)
	if err != nil {
		return err
	}
	if !s.json {
		return s.printPlan(pl.Graph, decisions)
	}
	doc := planDocument{Lock: pl.Lock.Digest().String(), Steps: []planStep{}}
	for _, d := range decisions {
		row := planStep{
			ID: d.Step.ID, Name: d.Step.Name, Language: d.Step.Language, Version: d.Step.Version, Kind: string(d.Step.Kind),
			Cached: d.Cached, Why: d.Why, Needs: pl.Graph.Labels(pl.Graph.Deps(d.Step.ID)),
		}
		if !d.Key.IsZero() {
			row.Key = d.Key.String()
		}
		if d.Cached {
			row.Output = d.Output.String()
		}
		doc.Steps = append(doc.Steps, row)
	}
	return s.printJSON(doc)
}

func (s *session) printPlan(g *plan.Graph, decisions []build.Decision) error {
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "STEP\tVERSION\tSTATE\tKEY\tWHY")
	for _, d := range decisions {
		state, key := "build", "-"
		if d.Cached {
			state = "cached"
		}
		if !d.Key.IsZero() {
			key = d.Key.Short()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.Label(d.Step), d.Step.Version, state, key, d.Why)
	}
	return w.Flush()
}
