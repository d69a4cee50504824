package build

import (
	"context"
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
	"github.com/envbuild/envbuild/pkgspec"
)

// Options are what a Builder works with. All but the last group must be set.
type Options struct {
	Store Store
	// Sandbox returns the sandbox for steps, the same one each time. It is not
	// called as long as everything needed was built in the strongest tier, since
	// finding out what the kernel allows costs more than a warm build.
	Sandbox func(context.Context) (*sandbox.Sandbox, error)
	// Fetch brings a source into the store and returns its path.
	Fetch func(ctx context.Context, src plan.Source) (string, error)
	// System is what steps run in, and Root what they see of it.
	System System
	Root   plan.Root
	// Target names the root to people and to the store's history: "debian-12".
	// Where the machine is the only root there is, it may be "".
	Target string
	// Project is the absolute path of the project's directory, by which the store
	// remembers what the project's steps were made from.
	Project string
	// Lock is what the graph was made from, for checks and explanations.
	Lock *pkgspec.Lock
	// Languages is the table in which a step's Language is looked up, for checks
	// and explanations.
	Languages []lang.Language
	Emit      Emit
	// Jobs is the number of cores to use, at least 1.
	Jobs int
	Now  func() time.Time

	// Rebuild has the IDs of steps that run even if the store has their outputs.
	Rebuild []string
	// KeepFailed keeps the work directory of a failed step.
	KeepFailed bool
}

// Builder builds graphs.
type Builder struct {
	opts  Options
	libs  libraryIndex
	roots sync.Map // digests of roots whose summary is kept

	lastOnce sync.Once
	last     lastKeys
}

// New returns a builder.
func New(opts Options) *Builder {
	return &Builder{
		opts: opts,
		libs: libraryIndex{names: map[string][]string{}},
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
	// Tree is the directory of the store that holds it.
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
	p := planner{Builder: b, graph: g, known: newKnown(g), blocker: map[string]string{}}
	out := make([]Decision, 0, g.Len())
	for _, s := range g.Steps() {
		d, err := p.decide(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// planner is one Plan.
type planner struct {
	*Builder
	graph *plan.Graph
	known *known
	// blocker names, by ID, what has to be built before the step's output is known.
	blocker map[string]string
}

func (p *planner) decide(ctx context.Context, s *plan.Step) (Decision, error) {
	d := Decision{Step: s}
	for _, dep := range p.graph.Deps(s.ID) {
		if first := p.blocker[dep.ID]; first != "" {
			p.blocker[s.ID] = first
			d.Why = first + " has to be built first"
			return d, nil
		}
	}
	deps, err := p.known.deps(s)
	if err != nil {
		return d, err
	}
	ing := p.ingredients(s, deps)
	d.Key = ing.key
	action, err := p.lookup(ctx, s, d.Key)
	if err != nil {
		return d, err
	}
	if action != nil {
		d.Cached, d.Output, d.Why = true, action.Output, "built before"
		p.known.add(s, action.Output, deps)
		return d, nil
	}
	p.blocker[s.ID] = p.graph.Label(s)
	d.Why, err = p.why(ctx, s, ing)
	return d, err
}

// known holds the steps of a graph whose outputs are known.
type known struct {
	graph *plan.Graph
	steps map[string]plan.Dependency // by ID
}

func newKnown(g *plan.Graph) *known {
	return &known{graph: g, steps: make(map[string]plan.Dependency, g.Len())}
}

// deps returns what the step needs directly, all of which must be known.
func (k *known) deps(s *plan.Step) ([]plan.Dependency, error) {
	var deps []plan.Dependency
	for _, dep := range k.graph.Deps(s.ID) {
		d, ok := k.steps[dep.ID]
		if !ok {
			return nil, fmt.Errorf("%s comes before %s", s.ID, dep.ID)
		}
		deps = append(deps, d)
	}
	return deps, nil
}

func (k *known) add(s *plan.Step, output digest.ID, deps []plan.Dependency) {
	k.steps[s.ID] = plan.Dependency{
		ID: s.ID, Name: s.Name, Output: output, Closure: plan.ClosureDigest(s, output, deps),
	}
}

// ingredients are a step's key and what it was hashed from.
type ingredients struct {
	key  digest.Key
	root []plan.Input
	all  []plan.Input
}

func (b *Builder) ingredients(s *plan.Step, deps []plan.Dependency) ingredients {
	root := b.opts.Root.Inputs(s)
	all := plan.Inputs(s, root, deps)
	return ingredients{key: plan.KeyOf(all), root: root, all: all}
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
func (b *Builder) forced(s *plan.Step) bool { return slices.Contains(b.opts.Rebuild, s.ID) }

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

// language returns the language of a step, or nil where the table lacks it.
func (b *Builder) language(s *plan.Step) lang.Language {
	for _, l := range b.opts.Languages {
		if l.Name() == s.Language {
			return l
		}
	}
	return nil
}

// emit tells of a step.
func (b *Builder) emit(s *plan.Step, e Event) {
	e.Name, e.Version, e.ID, e.Target, e.Engine = s.Name, s.Version, s.ID, b.opts.Target, s.Engine
	b.opts.Emit(e)
}
