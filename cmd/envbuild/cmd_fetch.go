package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

func (p *program) fetchCommand() *cli.Command {
	return &cli.Command{
		Name:  "fetch",
		Usage: "download every pinned source into the store",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			if err := noArguments(c); err != nil {
				return err
			}
			all, err := s.Fetch(ctx)
			if err != nil || !s.json {
				return err
			}
			return s.printSources(all)
		}),
	}
}

// printSources prints the sources as JSON.
func (s *session) printSources(all []project.FetchedSource) error {
	type source struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
		Path   string `json:"path"`
	}
	list := make([]source, len(all))
	for i, f := range all {
		list[i] = source{f.Name, f.SHA256.String(), f.File}
	}
	return s.printJSON(map[string]any{"sources": list})
}
