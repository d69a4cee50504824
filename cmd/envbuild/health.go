package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/health"
	"github.com/envbuild/envbuild/env"
)

// checkHealth looks at what is to be packaged, before anything is written.
func (c *packageContent) checkHealth(ctx context.Context, entries []deb.Entry, settings *deb.Settings) error {
	search, err := c.searchPath()
	if err != nil {
		return err
	}
	beside, err := c.sharedEntries()
	if err != nil {
		return err
	}
	contents := settings.Contents()
	asked := map[string]bool{}
	for _, e := range contents {
		asked[e.Path] = true
	}
	req := health.Request{
		Entries:   slices.Concat(entries, contents),
		Beside:    beside,
		Prefixes:  []string{c.layout.prefix},
		Root:      "/",
		Declared:  c.declaredPackages(),
		Path:      search,
		Asked:     asked,
		Unchecked: c.spec.Package.IsUnchecked,
		Forbidden: c.buildPaths(),
	}
	if c.layout.release != nil {
		req.Made = []string{c.layout.current}
	}
	if c.layout.shared != nil {
		req.Prefixes = append(req.Prefixes, c.layout.shared.prefix)
	}
	return health.Check(ctx, req)
}

// checkRuntimeHealth looks at the package of a runtime.
func (c *packageContent) checkRuntimeHealth(ctx context.Context, entries []deb.Entry) error {
	return health.Check(ctx, health.Request{
		Entries:   entries,
		Prefixes:  []string{c.layout.shared.prefix},
		Root:      "/",
		Declared:  plan.BasePackages,
		Path:      strings.Split(systemPath, ":"),
		Unchecked: c.spec.Package.IsUnchecked,
		Forbidden: c.buildPaths(),
	})
}

// declaredPackages names the Debian packages that may be linked: those of every
// step, those that the spec gives to single builds, and those that it makes the
// package depend on.
func (s *session) declaredPackages() []string {
	names := slices.Clone(plan.BasePackages)
	if cpan := s.spec.Dependencies.CPAN; cpan != nil {
		for _, help := range cpan.Build {
			names = append(names, help.Apt...)
		}
	}
	for _, relationship := range s.spec.Package.Depends {
		names = append(names, deb.PackageNames(relationship)...)
	}
	return names
}

// searchPath is PATH on the server, inside the package's environment.
func (c *packageContent) searchPath() ([]string, error) {
	environment, err := c.environment(c.layout.places, c.layout.base)
	if err != nil {
		return nil, err
	}
	list, err := environment.Assignments([]string{"PATH=" + systemPath}, env.Overlay{})
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Name == "PATH" {
			return strings.Split(a.Value, ":"), nil
		}
	}
	return strings.Split(systemPath, ":"), nil
}

// buildPaths are the paths of the machine that builds.
func (s *session) buildPaths() []string {
	views := filepath.Dir(s.store.ViewPath("view")) + "/"
	return append([]string{plan.RuntimePrefix, plan.BundlePrefix, plan.WorkPath, views}, s.store.PrivatePaths()...)
}
