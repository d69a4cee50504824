package main

import (
	"errors"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/service"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/hint"
)

// checkEnv finds an environment that can't be, before anything is built for it.
func (s *session) checkEnv() error {
	_, err := env.New(s.packagePinned(), s.spec.Env)
	return s.envError(err, "env")
}

// checkServices finds environments of services that can't be, before anything is
// built for them.
func (s *session) checkServices() error {
	if err := s.checkEnv(); err != nil {
		return err
	}
	for _, v := range s.spec.Services {
		_, err := env.New(s.packagePinned(), v.Environment(s.spec.Env))
		if err := s.envError(err, "services", v.Name, "env"); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) packagePinned() []env.Var {
	return s.pinned(below(s.spec.Package.Prefix), s.spec.Package.Prefix)
}

// envError finds the variable that an error of env.New is about in the spec, below
// the place.
func (s *session) envError(err error, place ...string) error {
	var (
		taken *env.PinnedError
		order *env.OrderError
		value *env.ValueError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &taken):
		return s.spec.ErrorAt(taken.Name+" is set by envbuild", hint.Of(err), append(place, taken.Name)...)
	case errors.As(err, &order):
		place = append(place, order.Name)
	case errors.As(err, &value):
		place = append(place, value.Name)
	}
	return s.spec.ErrorAt(err.Error(), hint.Of(err), place...)
}

// makeServices makes what the package ships for its services, and the file in
// which a server's administrator overrides variables.
func (c *packageContent) makeServices() error {
	runtime := ""
	for _, o := range c.built.outputs {
		if o.Step.Kind == plan.Runtime {
			runtime = o.ID.Short()
		}
	}
	in := service.Input{
		Name:        c.spec.Name,
		Description: c.spec.Description,
		Paths: service.Paths{
			Prefix: c.layout.prefix, Release: c.layout.home, Current: c.layout.current, Base: c.layout.base,
		},
		Services: c.spec.Services,
		Formats:  c.spec.ServicesFormat,
		Pinned:   c.pinned(c.layout.places, c.layout.base),
		Env:      c.spec.Env,
		Runtime:  runtime,
	}
	if c.layout.shared != nil {
		in.RuntimePackage = c.layout.shared.name
	}
	files, err := service.New(in)
	if err != nil {
		return err
	}
	c.services = *files
	return nil
}

func (c *packageContent) serviceEntries() ([]deb.Entry, error) {
	var out []deb.Entry
	for _, list := range [][]service.File{c.services.Release, c.services.System} {
		for _, f := range list {
			e := deb.Entry{Path: f.Path, Content: f.Content, Mode: f.Mode}
			if f.Config {
				e.Type = deb.Config
			}
			out = append(out, e)
		}
	}
	return out, nil
}
