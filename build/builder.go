package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/pkgspec"
)

// Options are what a Builder works with. All but the last group must be set.
type Options struct {
	Store *store.Store
	// Sandbox returns the sandbox for steps, the same one each time. It is not
	// called as long as everything needed was built in the strongest tier, since
	// finding out what the kernel allows costs more than a warm build.
	Sandbox func(context.Context) (*sandbox.Sandbox, error)
	// Fetch brings a source into the store and returns its path.
	Fetch func(ctx context.Context, src plan.Source) (string, error)
	// Machine is what steps see of the host.
	Machine plan.Machine
	// Project is the absolute path of the project's folder, by which the store
	// remembers what the project's steps were made from.
	Project string
	// Lock is what the graph was made from, for checks and explanations.
	Lock     *pkgspec.Lock
	Language lang.Language
	Emit     Emit
	// Jobs is the number of cores to use, at least 1.
	Jobs int
	Now  func() time.Time

	// Rebuild names steps that run even if the store has them.
	Rebuild []string
	// KeepFailed keeps the work folder of a failed step.
	KeepFailed bool
}

// Builder builds graphs.
type Builder struct {
	opts     Options
	packages func() (*dpkg.Database, error)
	libs     libraryIndex
}

// New returns a builder.
func New(opts Options) *Builder {
	return &Builder{
		opts:     opts,
		packages: sync.OnceValues(func() (*dpkg.Database, error) { return dpkg.Open("/") }),
		libs:     libraryIndex{names: map[string][]string{}},
	}
}

// Result is what became of a graph.
type Result struct {
	// Outputs holds each step's output, in the graph's order.
	Outputs []StepOutput
	// Built and Cached count the steps that ran and those that didn't have to,
	// Failed those that failed or whose sources could not be had.
	Built, Cached, Failed int
}

// StepOutput is a step with the tree that it adds.
type StepOutput struct {
	Step *plan.Step
	Key  digest.Key
	ID   digest.ID
	// Tree is the folder of the store that holds it.
	Tree string
}

// Decision says what a build would do with a step, and why.
type Decision struct {
	Step *plan.Step
	// Key is zero if it depends on outputs that don't exist yet.
	Key    digest.Key
	Output digest.ID
	Cached bool
	// Why is a short sentence: "built before", "the recipe changed".
	Why string
}

// Plan says for each step of the graph what Build would do.
func (b *Builder) Plan(ctx context.Context, g *plan.Graph) ([]Decision, error) {
	known := map[string]digest.ID{}
	var out []Decision
	for _, s := range g.Steps() {
		d, err := b.decide(ctx, g, s, known)
		if err != nil {
			return nil, err
		}
		if d.Cached {
			known[s.Name] = d.Output
		}
		out = append(out, d)
	}
	return out, nil
}

func (b *Builder) decide(ctx context.Context, g *plan.Graph, s *plan.Step, known map[string]digest.ID) (Decision, error) {
	d := Decision{Step: s}
	inputs, missing := b.inputs(g, s, known)
	if missing != "" {
		d.Why = missing + " has to be built first"
		return d, nil
	}
	d.Key = plan.KeyOf(inputs)
	action, err := b.lookup(ctx, s, d.Key)
	if err != nil {
		return d, err
	}
	if action != nil {
		d.Cached, d.Output, d.Why = true, action.Output, "built before"
		return d, nil
	}
	d.Why, err = b.why(ctx, s, inputs)
	return d, err
}

// inputs returns the step's key inputs, or the name of a step of its closure
// whose output isn't known.
func (b *Builder) inputs(g *plan.Graph, s *plan.Step, known map[string]digest.ID) (_ []plan.Input, missing string) {
	var closure []plan.Dependency
	for _, dep := range g.Closure(s.Name) {
		id, ok := known[dep.Name]
		if !ok {
			return nil, dep.Name
		}
		closure = append(closure, plan.Dependency{Name: dep.Name, Output: id})
	}
	return plan.Inputs(s, b.opts.Machine, closure), ""
}

// lookup returns the record of an action whose output is there and was made in
// this tier or a stronger one, or nil.
func (b *Builder) lookup(ctx context.Context, s *plan.Step, key digest.Key) (*store.Action, error) {
	if b.forced(s) {
		return nil, nil
	}
	return b.recorded(ctx, key)
}

// weaker reports whether a tier is weaker than this build's.
func (b *Builder) weaker(ctx context.Context, tier int) (bool, error) {
	if tier == int(sandbox.Namespaces) {
		return false, nil
	}
	box, err := b.opts.Sandbox(ctx)
	if err != nil {
		return false, err
	}
	return tier < int(box.Tier()), nil
}

// forced reports whether the step is to run even if the store has its output.
func (b *Builder) forced(s *plan.Step) bool { return slices.Contains(b.opts.Rebuild, s.Name) }

func (b *Builder) recorded(ctx context.Context, key digest.Key) (*store.Action, error) {
	a, err := b.opts.Store.LookupAction(ctx, key)
	if errors.Is(err, store.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	weaker, err := b.weaker(ctx, a.Tier)
	if weaker || err != nil {
		return nil, err
	}
	return a, nil
}

// why compares the inputs with those of the step's last build in this project.
func (b *Builder) why(ctx context.Context, s *plan.Step, inputs []plan.Input) (string, error) {
	if b.forced(s) {
		return "asked for by --rebuild", nil
	}
	key, ok := b.opts.Store.LastKeys(b.opts.Project)[s.Name]
	if !ok {
		return "never built here", nil
	}
	action, err := b.opts.Store.RecordedAction(key)
	if errors.Is(err, store.ErrMissing) {
		return "never built here", nil
	}
	if err != nil {
		return "", err
	}
	var last []plan.Input
	if err := json.Unmarshal(action.Inputs, &last); err != nil {
		return "", fmt.Errorf("read what %s was built from: %w", s.Name, err)
	}
	if weaker, err := b.weaker(ctx, action.Tier); weaker || err != nil {
		return "it was built in a weaker sandbox", err
	}
	return explainChange(last, inputs), nil
}

// explainChange names the first ingredient in which two keys differ.
func explainChange(was, is []plan.Input) string {
	old := map[string][]string{}
	for _, in := range was {
		old[in.Name] = in.Values
	}
	for _, in := range is {
		values, ok := old[in.Name]
		switch {
		case !ok:
			return in.Name + " is new"
		case !slices.Equal(values, in.Values):
			return in.Name + " changed"
		}
		delete(old, in.Name)
	}
	for _, in := range was {
		if _, gone := old[in.Name]; gone {
			return in.Name + " is gone"
		}
	}
	return "its output was removed from the store"
}

// LastKey returns the key of the step's last run: the present one if that is
// known, since a failed run has it too, else that of the project's last build.
func (b *Builder) LastKey(ctx context.Context, g *plan.Graph, s *plan.Step) (digest.Key, error) {
	decisions, err := b.Plan(ctx, g)
	if err != nil {
		return digest.Key{}, err
	}
	for _, d := range decisions {
		if d.Step == s && !d.Key.IsZero() {
			return d.Key, nil
		}
	}
	return b.opts.Store.LastKeys(b.opts.Project)[s.Name], nil
}
