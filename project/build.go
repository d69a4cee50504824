package project

import (
	"context"
	"errors"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// BuildOptions say how to build. The zero value builds what the store lacks.
type BuildOptions struct {
	// Rebuild names steps that run even if the store has their outputs.
	Rebuild []string
	// KeepFailed keeps what a failed step leaves.
	KeepFailed bool
	// Follow, unless it is nil, is called before the first step runs.
	Follow Follower

	emit build.Emit // nil is the project's
}

// Follower works with outputs as steps make them. It is told the lock and the
// graph, and returns what is called with each step that ran, and what ends its
// work.
type Follower func(ctx context.Context, lock *pkgspec.Lock) (made func(build.StepOutput), stop func())

// Built is a lock with the outputs that its steps led to.
type Built struct {
	Lock    *pkgspec.Lock
	Outputs []build.StepOutput
}

// Build builds what the lock pins. An environment that can't be is found before
// anything is built.
func (p *Project) Build(ctx context.Context, opts BuildOptions) (Built, error) {
	if err := p.checkEnv(); err != nil {
		return Built{}, err
	}
	lock, err := p.FreshLock()
	if err != nil {
		return Built{}, err
	}
	g, err := p.graph(lock)
	if err != nil {
		return Built{}, err
	}
	if opts.Rebuild, err = rebuildIDs(g, opts.Rebuild); err != nil {
		return Built{}, err
	}
	if opts.Follow != nil {
		made, stop := opts.Follow(ctx, lock)
		defer stop()
		opts.emit = p.emitAndFollow(g, made)
	}
	b, err := p.builder(ctx, lock, opts)
	if err != nil {
		return Built{}, err
	}
	res, err := p.runBuild(ctx, b, g)
	if err != nil {
		return Built{}, err
	}
	return Built{Lock: lock, Outputs: res.Outputs}, nil
}

// rebuildIDs returns the IDs of the steps that a person named.
func rebuildIDs(g *plan.Graph, names []string) ([]string, error) {
	ids := make([]string, len(names))
	for i, name := range names {
		step, err := g.Find(name)
		if err != nil {
			return nil, err
		}
		if step == nil {
			return nil, &UsageError{Message: "--rebuild: the lock has no distribution " + name, Help: "`envbuild plan` lists the steps"}
		}
		ids[i] = step.ID
	}
	return ids, nil
}

// emitAndFollow emits events, and tells who follows the build what was made.
func (p *Project) emitAndFollow(g *plan.Graph, made func(build.StepOutput)) build.Emit {
	return func(e build.Event) {
		p.Emit(e)
		if e.Kind == build.StepDone && !e.Hit {
			made(build.StepOutput{Step: g.Step(e.ID), Key: e.Key, ID: e.Output})
		}
	}
}

// runBuild builds a graph and says how that ended.
func (p *Project) runBuild(ctx context.Context, b *build.Builder, g *plan.Graph) (*build.Result, error) {
	start := p.Now()
	res, err := b.Build(ctx, g)
	end := build.Event{Kind: build.Finished, Total: len(g.Steps()), Duration: p.Now().Sub(start)}
	if res != nil {
		end.Cached, end.Built, end.Failed = res.Cached, res.Built, res.Failed
	}
	var interrupted *build.InterruptedError
	switch {
	case errors.As(err, &interrupted):
		end.Message = "interrupted"
	case err != nil:
		end.Message = "failed"
	}
	p.Emit(end)
	return res, err
}

// cached returns the outputs of the lock if the store has them all.
func (p *Project) cached(ctx context.Context, lock *pkgspec.Lock) (Built, bool, error) {
	b := Built{Lock: lock}
	g, err := p.graph(lock)
	if err != nil {
		return b, false, err
	}
	builder, err := p.builder(ctx, lock, BuildOptions{})
	if err != nil {
		return b, false, err
	}
	decisions, err := builder.Plan(ctx, g)
	if err != nil {
		return b, false, err
	}
	for _, d := range decisions {
		if !d.Cached {
			return b, false, nil
		}
		b.Outputs = append(b.Outputs, build.StepOutput{Step: d.Step, Key: d.Key, ID: d.Output, Tree: p.Store.Tree(d.Output)})
	}
	return b, true, nil
}
