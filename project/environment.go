package project

import (
	"errors"
	"path/filepath"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/hint"
)

// Environment is the project's environment for a view at these prefixes and an
// application at base.
func (p *Project) Environment(b Built, at Prefixes, base string) (*env.Environment, error) {
	return env.New(p.PinnedVars(b, at, base), p.Spec.Env)
}

// PinnedVars are the variables that the spec can't replace. Without a lock, b has
// none, their names are right, and their values may be.
func (p *Project) PinnedVars(b Built, at Prefixes, base string) []env.Var {
	pinned := []env.Var{env.Literals("PROJECT_BASE", env.Set, base)}
	for _, v := range p.languages.Shipped(p.Spec).Environment(p.Spec, b.Lock) {
		values := make([]string, len(v.Values))
		for i, value := range v.Values {
			values[i] = at.Relocate(value)
		}
		pinned = append(pinned, env.Literals(v.Name, envKind(v.Kind), values...))
	}
	return pinned
}

func envKind(k lang.VarKind) env.Kind {
	switch k {
	case lang.Prepend:
		return env.Prepend
	case lang.Path:
		return env.Path
	case lang.Unset:
		return env.Unset
	}
	return env.Set
}

// Overlay reads the spec's env files, behind further ones.
func (p *Project) Overlay(files []string, command []env.Assignment) (env.Overlay, error) {
	over := env.Overlay{Command: command}
	for _, path := range files {
		f, err := env.ReadFile(path, false)
		if err != nil {
			return over, err
		}
		over.Files = append(over.Files, f)
	}
	for _, name := range p.Spec.EnvFiles {
		f, err := env.ReadFile(filepath.Join(p.Spec.Dir, name), true)
		if err != nil {
			return over, err
		}
		over.Files = append(over.Files, f)
	}
	return over, nil
}

// checkEnv finds an environment that can't be, before anything is built for it.
func (p *Project) checkEnv() error {
	_, err := env.New(p.packagePinned(), p.Spec.Env)
	return p.envError(err, "env")
}

// CheckServices finds environments of services that can't be, before anything is
// built for them.
func (p *Project) CheckServices() error {
	if err := p.checkEnv(); err != nil {
		return err
	}
	for _, v := range p.Spec.Services {
		_, err := env.New(p.packagePinned(), v.Environment(p.Spec.Env))
		if err := p.envError(err, "services", v.Name, "env"); err != nil {
			return err
		}
	}
	return nil
}

func (p *Project) packagePinned() []env.Var {
	return p.PinnedVars(Built{}, p.prefixesBelow(p.Spec.Package.Prefix), p.Spec.Package.Prefix)
}

// envError finds the variable that an error of env.New is about in the spec, below
// the place.
func (p *Project) envError(err error, place ...string) error {
	var (
		taken *env.PinnedError
		order *env.OrderError
		value *env.ValueError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &taken):
		return p.Spec.ErrorAt(taken.Name+" is set by envbuild", hint.Of(err), append(place, taken.Name)...)
	case errors.As(err, &order):
		place = append(place, order.Name)
	case errors.As(err, &value):
		place = append(place, value.Name)
	}
	return p.Spec.ErrorAt(err.Error(), hint.Of(err), place...)
}
