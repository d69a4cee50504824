package project

import (
	"context"
	"fmt"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// steps turns the lock's pins into steps.
func (p *Project) steps(lock *pkgspec.Lock) ([]plan.Step, error) {
	return p.languages.Steps(p.Spec, lock, p.registries)
}

// graph turns the lock's pins into the graph of steps.
func (p *Project) graph(lock *pkgspec.Lock) (*plan.Graph, error) {
	steps, err := p.steps(lock)
	if err != nil {
		return nil, err
	}
	for i := range steps {
		p.addStrip(&steps[i])
	}
	return plan.NewGraph(steps)
}

// addStrip has what a step adds stripped if the spec wants it, for all languages.
func (p *Project) addStrip(step *plan.Step) {
	if r := p.Spec.Runtime(step.Language); r != nil && r.Strip {
		step.Strip = build.StripRecipe()
	}
}

// builder returns a builder for graphs of the lock.
func (p *Project) builder(ctx context.Context, lock *pkgspec.Lock, opts BuildOptions) (*build.Builder, error) {
	machine, err := build.ReadMachine(ctx, p.opts.System, p.Store)
	if err != nil {
		return nil, err
	}
	emit := p.Emit
	if opts.emit != nil {
		emit = opts.emit
	}
	return build.New(build.Options{
		Store: p.Store, Sandbox: p.sandbox, Fetch: p.fetchSource, System: p.opts.System, Root: machine,
		Target:  pkgspec.Target{Release: machine.Release, Arch: machine.Arch}.String(),
		Project: p.Spec.Dir, Lock: lock, Languages: p.opts.Languages, Emit: emit,
		Jobs: p.opts.Jobs, Now: p.opts.Now,
		Rebuild: opts.Rebuild, KeepFailed: opts.KeepFailed,
	}), nil
}

// Plan is a lock with the graph of its steps, and what builds it.
type Plan struct {
	Lock  *pkgspec.Lock
	Graph *plan.Graph
	// Builder looks at steps, or enters them.
	Builder *build.Builder
}

// Plan opens the lock for verbs that look at its steps.
func (p *Project) Plan(ctx context.Context) (*Plan, error) {
	lock, err := p.FreshLock()
	if err != nil {
		return nil, err
	}
	g, err := p.graph(lock)
	if err != nil {
		return nil, err
	}
	b, err := p.builder(ctx, lock, BuildOptions{})
	return &Plan{Lock: lock, Graph: g, Builder: b}, err
}

// Decide says for each step what a build would do.
func (pl *Plan) Decide(ctx context.Context) ([]build.Decision, error) {
	return pl.Builder.Plan(ctx, pl.Graph)
}

// Step returns the step that a person means by a name: a distribution, with or
// without its version, a step's ID, or a module of a distribution. It fails with a
// *UsageError, or a *plan.AmbiguousStepError.
func (pl *Plan) Step(name string) (*plan.Step, error) {
	if s, err := pl.Graph.Find(name); s != nil || err != nil {
		return s, err
	}
	for _, ll := range pl.Lock.Languages {
		for _, pin := range ll.Distributions {
			for _, m := range pin.Provides {
				if m.Name == name {
					return pl.Graph.Find(pin.Name)
				}
			}
		}
	}
	return nil, &UsageError{Message: "the lock has no distribution or module " + name, Help: "`envbuild plan` lists the steps"}
}

// evaluate runs a script of the language with the pinned runtime, which is built
// if need be.
func (p *Project) evaluate(ctx context.Context, runtime plan.Step, script string, stdin []byte) ([]byte, error) {
	language, ok := p.languages.Language(runtime.Language).(lang.Interpreter)
	if !ok {
		return nil, fmt.Errorf("%s runs no scripts", runtime.Language)
	}
	b, err := p.builder(ctx, nil, BuildOptions{})
	if err != nil {
		return nil, err
	}
	p.addStrip(&runtime) // the same step as in the project's graph
	return b.Evaluate(ctx, build.Script{
		Runtime: runtime, Interpreter: language.Interpreter(), Text: script, Stdin: stdin,
	})
}
