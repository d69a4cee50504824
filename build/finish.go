package build

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/elfedit"
)

// finish checks what a successful recipe added and stores it. A cause is the
// step's fault, err the engine's.
func (j *stepJob) finish(ctx context.Context, tier sandbox.Tier, own sandbox.Layer, start time.Time) (_ StepOutput, cause, err error) {
	upper := own.Upper
	if _, err := elfedit.FixTree(upper, own.Prefix); err != nil {
		return StepOutput{}, fmt.Errorf("make library paths relative: %w", err), nil
	}
	libraries, cause, err := j.libraries(upper)
	if cause != nil || err != nil {
		return StepOutput{}, cause, err
	}
	if cause := j.checkByLanguage(ctx, upper); cause != nil {
		return StepOutput{}, cause, nil
	}
	out, err := j.keep(ctx, upper, start, &store.Action{
		Tier: int(tier), TierName: tier.String(), Libraries: libraries,
	})
	return out, nil, err
}

// keep stores a tree as the step's output, with a record of how it came about,
// which it completes.
func (j *stepJob) keep(ctx context.Context, tree string, start time.Time, a *store.Action) (StepOutput, error) {
	o := &j.builder.opts
	stored, err := o.Store.PutOutput(ctx, tree)
	if err != nil {
		return StepOutput{}, fmt.Errorf("store the output of %s: %w", j.step.ID, err)
	}
	a.Key, a.Output = j.key, stored.ID
	a.Step, a.Version = plan.Series(j.step.ID), j.step.Version
	a.Started, a.Duration = start, o.Now().Sub(start)
	if a.Inputs, err = j.builder.summary(j.ingredients); err != nil {
		return StepOutput{}, err
	}
	held, err := o.Store.PutAction(ctx, a)
	if err != nil {
		return StepOutput{}, err
	}
	return j.builder.found(j.step, held), nil
}

// foreignChanges returns an error for what the step changed of its closure,
// except the files that its recipe names.
func (j *stepJob) foreignChanges(c sandbox.Changes) error {
	e := &ForeignChangeError{Deleted: c.Deleted}
	for _, path := range c.Modified {
		shared := slices.ContainsFunc(j.step.Shared, func(f plan.SharedFile) bool { return f.Path == path })
		if !shared {
			e.Modified = append(e.Modified, path)
		}
	}
	if len(e.Modified)+len(e.Deleted) == 0 {
		return nil
	}
	return e
}

func (j *stepJob) checkByLanguage(ctx context.Context, tree string) error {
	checker, ok := j.builder.language(j.step).(lang.OutputChecker)
	if !ok {
		return nil
	}
	req := lang.CheckRequest{Lock: j.builder.opts.Lock, Step: j.step, Tree: tree}
	for _, dep := range j.closure {
		req.Closure = append(req.Closure, dep.Step)
		if dep.Step.Kind == plan.Runtime && dep.Step.Language == j.step.Language {
			req.RuntimeTree = dep.Tree
		}
	}
	return checker.CheckOutput(ctx, req)
}

// found is a step's output that a look-up has found whole.
func (b *Builder) found(s *plan.Step, a *store.Action) StepOutput {
	return StepOutput{Step: s, Key: a.Key, ID: a.Output, Tree: b.opts.Store.Tree(a.Output)}
}
