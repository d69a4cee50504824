package main

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/internal/ui"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// session is a verb's project, opened once, with the flags and the user interface.
type session struct {
	*program
	globals
	*project.Project
	spec *pkgspec.Spec
	ui   *ui.UI
}

// open reads the spec and opens the project and the user interface.
func (p *program) open(c *cli.Context, use pkgspec.Use) (*session, error) {
	g, err := p.globalsOf(c)
	if err != nil {
		return nil, err
	}
	s := &session{program: p, globals: g}
	if s.spec, err = p.spec(g, use); err != nil {
		return nil, err
	}
	cache, err := p.cacheRoot()
	if err != nil {
		return nil, err
	}
	if s.ui, err = p.newUI(g); err != nil {
		return nil, err
	}
	s.Project, err = project.Open(c.Context, project.Options{
		Spec: s.spec, Languages: project.Languages(), System: p.system, Cache: cache, Environ: p.environ, Display: p.display,
		Emit: s.ui.Handle, Now: p.now,
		Jobs: g.jobs, Offline: g.offline, RequireSandbox: g.requireSandbox,
	})
	if err != nil {
		return nil, errors.Join(err, s.ui.Close())
	}
	return s, nil
}

// with opens a session for a verb and closes it whatever happens.
func (p *program) with(use pkgspec.Use, f func(ctx context.Context, c *cli.Context, s *session) error) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		s, err := p.open(c, use)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		err = f(c.Context, c, s)
		if err != nil && c.Err() != nil {
			err = s.interrupted(c.Context)
		}
		return s.ui.Shown(err)
	}
}

// interrupted says how to go on. What else went wrong then is a consequence.
func (s *session) interrupted(ctx context.Context) error {
	s.Notice("interrupted: what is done is kept, and the same command goes on from there")
	return &build.InterruptedError{Cause: context.Cause(ctx)}
}

func (s *session) close() error { return errors.Join(s.Close(), s.ui.Close()) }

func (p *program) newUI(g globals) (*ui.UI, error) {
	u, err := ui.New(g.progress, ui.Options{
		Out: p.stderr, Getenv: p.getenv, Quiet: g.quiet, Verbose: g.verbose,
	})
	if err != nil {
		return nil, &usageError{message: err.Error(), hint: "--progress takes auto, plain, json or none"}
	}
	return u, nil
}
