package main

import (
	"context"
	"errors"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) fetchCommand() *cli.Command {
	return &cli.Command{
		Name:  "fetch",
		Usage: "download every pinned source into the store",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			all, err := s.fetchAll(ctx)
			if err != nil || !s.json {
				return err
			}
			return s.printSources(all)
		}),
	}
}

// fetchedSource is a pinned source and where the store has it.
type fetchedSource struct {
	plan.Source
	path string
}

// printSources prints the sources as JSON.
func (s *session) printSources(all []fetchedSource) error {
	type source struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
		Path   string `json:"path"`
	}
	list := make([]source, len(all))
	for i, f := range all {
		list[i] = source{f.Name, f.SHA256.String(), f.path}
	}
	return s.printJSON(map[string]any{"sources": list})
}

// fetchAll brings all sources of the lock into the store. How many come at once
// is the fetcher's business.
func (s *session) fetchAll(ctx context.Context) ([]fetchedSource, error) {
	lock, err := s.freshLock()
	if err != nil {
		return nil, err
	}
	steps, err := s.steps(lock)
	if err != nil {
		return nil, err
	}
	var all []fetchedSource
	for _, step := range steps {
		for _, src := range step.Sources {
			all = append(all, fetchedSource{Source: src})
		}
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i].path, errs[i] = s.fetchSource(ctx, all[i].Source) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	return all, errors.Join(errs...)
}
