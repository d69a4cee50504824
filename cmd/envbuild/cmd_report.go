package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) reportCommand() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "write a page about the environment: time line, sizes, dependencies",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "write the page to `FILE`", Value: "envbuild-report.html"},
		},
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return s.report(ctx, s.abs(c.String("o")))
		}),
	}
}

// report describes what the store has of the lock. It builds nothing.
func (s *session) report(ctx context.Context, file string) error {
	pl, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	decisions, err := pl.Decide(ctx)
	if err != nil {
		return err
	}
	page := report.Page{
		Title: s.spec.Name, Lock: pl.Lock.Digest().String(), Date: pl.Lock.Date.In(time.UTC),
	}
	var runtimes []string
	for _, ll := range pl.Lock.Languages {
		runtimes = append(runtimes, ll.Language+" "+ll.Runtime.Version)
	}
	page.Runtime = strings.Join(runtimes, ", ")
	parts, err := deploy.Parts(s.Project, project.Built{Lock: pl.Lock})
	if err != nil {
		return err
	}
	licenses := map[string]string{}
	for _, p := range parts {
		licenses[p.Name] = p.License
	}
	for _, d := range decisions {
		step, err := s.pageStep(pl.Graph, d)
		if err != nil {
			return err
		}
		step.License = licenses[d.Step.Name]
		page.Steps = append(page.Steps, step)
	}
	text, err := page.HTML()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(file, text, 0o644); err != nil {
		return err
	}
	return s.printPath(s.globals, file)
}

// pageStep adds what the store recorded of a step, if it has its output.
func (s *session) pageStep(g *plan.Graph, d build.Decision) (report.PageStep, error) {
	step := report.PageStep{Name: g.Label(d.Step), Version: d.Step.Version, Needs: g.Labels(g.Deps(d.Step.ID))}
	if !d.Cached {
		return step, nil
	}
	action, err := s.Store.RecordedAction(d.Key)
	if errors.Is(err, store.ErrMissing) {
		return step, nil
	}
	if err != nil {
		return step, err
	}
	step.Started, step.Duration = action.Started, action.Duration
	entries, err := tree.Scan(s.Store.Tree(d.Output))
	if err != nil {
		return step, err
	}
	for _, e := range entries {
		if e.Kind == tree.File {
			step.Files++
			step.Bytes += e.Size
		}
	}
	return step, nil
}
