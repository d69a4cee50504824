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
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/elfedit"
)

// finish checks what a successful recipe added and stores it. A cause is the
// step's fault, err the engine's.
func (j *stepJob) finish(ctx context.Context, tier sandbox.Tier, own sandbox.Layer, start time.Time) (_ StepOutput, cause, err error) {
	o := &j.builder.opts
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
	stored, err := o.Store.PutOutput(ctx, upper)
	if err != nil {
		return StepOutput{}, nil, fmt.Errorf("store the output of %s: %w", j.step.Name, err)
	}
	inputs, err := j.builder.summary(j.ingredients)
	if err != nil {
		return StepOutput{}, nil, err
	}
	action, err := o.Store.PutAction(ctx, &store.Action{
		Key: j.key, Output: stored.ID, Tier: int(tier), TierName: tier.String(),
		Step: plan.Series(j.step.ID), Version: j.step.Version,
		Started: start, Duration: o.Now().Sub(start),
		Inputs: inputs, Libraries: libraries,
	})
	if err != nil {
		return StepOutput{}, nil, err
	}
	out, err := j.builder.output(ctx, j.step, j.key, action.Output)
	return out, nil, err
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

// output finds a step's output in the store.
func (b *Builder) output(ctx context.Context, s *plan.Step, key digest.Key, id digest.ID) (StepOutput, error) {
	out, err := b.opts.Store.Output(ctx, id)
	if err != nil {
		return StepOutput{}, fmt.Errorf("the output of %s: %w", s.Name, err)
	}
	return StepOutput{Step: s, Key: key, ID: id, Tree: out.Tree}, nil
}

// cached is a step's output that a look-up has found whole.
func (b *Builder) cached(s *plan.Step, key digest.Key, a *store.Action) StepOutput {
	return StepOutput{Step: s, Key: key, ID: a.Output, Tree: b.opts.Store.Tree(a.Output)}
}
