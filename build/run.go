package build

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/envbuild/envbuild/build/plan"
)

// Build runs what the store lacks of the graph. A step whose dependencies failed
// does not run; the others do, since what they build is kept. The error joins
// the failures of all steps, or is an *InterruptedError; then the result has the
// numbers of steps and nothing else.
func (b *Builder) Build(ctx context.Context, g *plan.Graph) (_ *Result, err error) {
	jobs, err := NewJobserver(b.opts.Jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, jobs.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	r := b.newRun(g, jobs)
	err = r.loop(ctx)
	cancel()
	r.drain()
	if err == nil {
		err = errors.Join(r.failures...)
	}
	if err != nil {
		return r.counts(), err
	}
	return r.result()
}

// run is one Build. Only the goroutine of loop touches its fields; steps,
// fetches and the wait for a token run in others and report by channels.
type run struct {
	b     *Builder
	graph *plan.Graph
	jobs  *Jobserver

	ready   *readyQueue
	waiting map[string]int // dependencies that are not done, by step
	outputs map[string]StepOutput
	hit     map[string]bool
	known   *known
	keys    map[string]ingredients
	fetched map[string]*fetchState // by step
	working int                    // goroutines under way
	asking  bool                   // one of them waits for a token
	running map[string]bool        // steps
	// makesFirst says to who asks for a token that a make shall get it.
	makesFirst atomic.Bool

	tokens    chan error
	finished  chan stepResult
	arrivals  chan arrival
	failures  []error
	lost      map[string]bool // steps that failed or can't run
	remaining int
}

type fetchState struct {
	paths []string
	err   error // which matters only if the step has to run
	done  bool
	wants bool // the step is ready but for its sources
}

type arrival struct {
	step  string
	paths []string
	err   error
}

type stepResult struct {
	step   *plan.Step
	output StepOutput
	shared bool // another process built it meanwhile
	err    error
}

func (b *Builder) newRun(g *plan.Graph, jobs *Jobserver) *run {
	r := &run{
		b: b, graph: g, jobs: jobs,
		ready:     newReadyQueue(g, remaining(g, b.recordedDuration)),
		waiting:   map[string]int{},
		outputs:   map[string]StepOutput{},
		hit:       map[string]bool{},
		known:     newKnown(g),
		keys:      map[string]ingredients{},
		fetched:   map[string]*fetchState{},
		tokens:    make(chan error),
		finished:  make(chan stepResult),
		arrivals:  make(chan arrival),
		running:   map[string]bool{},
		lost:      map[string]bool{},
		remaining: g.Len(),
	}
	for _, s := range g.Steps() {
		r.waiting[s.ID] = len(g.Deps(s.ID))
	}
	return r
}

// loop starts what can start and waits for what is under way, until nothing is.
func (r *run) loop(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	for r.remaining > 0 {
		if r.ready.Len() > 0 && !r.asking {
			r.asking = true
			r.spawn(func() { r.tokens <- r.jobs.Acquire(ctx, r.makesFirst.Load) })
		}
		r.makesFirst.Store(r.behind())
		if r.working == 0 {
			return nil // only steps behind failed ones are left
		}
		if err := r.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// behind reports whether a step that runs is nearer to the critical path than
// all that could start: then a core is of more use to its make.
func (r *run) behind() bool {
	first := r.ready.first()
	for name := range r.running {
		if first == nil || r.ready.priority[name] > r.ready.priority[first.ID] {
			return true
		}
	}
	return false
}

// begin finds what the store has, from the graph's start on, and begins to fetch
// the sources of all other steps, those first that will be needed first.
func (r *run) begin(ctx context.Context) error {
	steps := r.graph.Steps()
	for _, s := range steps {
		if r.waiting[s.ID] == 0 && !r.hit[s.ID] {
			if err := r.consider(ctx, s); err != nil {
				return err
			}
		}
	}
	r.b.opts.Emit(Event{Kind: Planned, Total: len(steps), Cached: len(r.hit)})
	queue := newReadyQueue(r.graph, r.ready.priority)
	for _, s := range steps {
		if !r.hit[s.ID] {
			queue.add(s)
		}
	}
	for queue.Len() > 0 {
		r.fetch(ctx, queue.take())
	}
	return nil
}

// consider decides what happens to a step whose dependencies are all done: it is
// there already, or it gets ready when its sources are.
func (r *run) consider(ctx context.Context, s *plan.Step) error {
	deps, err := r.known.deps(s)
	if err != nil {
		return err
	}
	ing := r.b.ingredients(s, deps)
	action, err := r.b.lookup(ctx, s, ing.key)
	if err != nil {
		return err
	}
	if action != nil {
		out := r.b.found(s, action)
		r.hit[s.ID] = true
		r.b.emit(s, Event{Kind: StepDone, Key: out.Key, Output: out.ID, Hit: true})
		return r.done(ctx, out)
	}
	r.keys[s.ID] = ing
	f := r.source(s.ID)
	f.wants = true
	if f.done {
		r.sourced(s, f)
	}
	return nil
}

// sourced starts a step that has to run once it is known whether its sources could
// be had.
func (r *run) sourced(s *plan.Step, f *fetchState) {
	if f.err != nil {
		r.lose(s, f.err)
		return
	}
	r.ready.add(s)
}

func (r *run) done(ctx context.Context, out StepOutput) error {
	deps, err := r.known.deps(out.Step)
	if err != nil {
		return err
	}
	r.known.add(out.Step, out.ID, deps)
	r.outputs[out.Step.ID] = out
	r.remaining--
	for _, s := range r.graph.Dependents(out.Step.ID) {
		r.waiting[s.ID]--
		if r.waiting[s.ID] == 0 && !r.lost[s.ID] {
			if err := r.consider(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) source(step string) *fetchState {
	if r.fetched[step] == nil {
		r.fetched[step] = &fetchState{}
	}
	return r.fetched[step]
}

// fetch brings the sources of a step. How many come at once is the fetcher's
// business.
func (r *run) fetch(ctx context.Context, s *plan.Step) {
	r.source(s.ID)
	r.spawn(func() {
		a := arrival{step: s.ID}
		for _, src := range s.Sources {
			path, err := r.b.opts.Fetch(ctx, src)
			if err != nil {
				a.err = err
				break
			}
			a.paths = append(a.paths, path)
		}
		r.arrivals <- a
	})
}

func (r *run) spawn(f func()) {
	r.working++
	go f()
}

func (r *run) wait(ctx context.Context) error {
	select {
	case err := <-r.tokens:
		r.working--
		r.asking = false
		if err != nil {
			return interrupted(ctx, err)
		}
		return r.start(ctx)
	case a := <-r.arrivals:
		r.working--
		if ctx.Err() != nil {
			return interrupted(ctx, a.err)
		}
		return r.arrived(a)
	case res := <-r.finished:
		r.working--
		delete(r.running, res.step.ID)
		if ctx.Err() != nil && res.err != nil {
			return interrupted(ctx, res.err)
		}
		return r.ended(ctx, res)
	}
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &InterruptedError{Cause: context.Cause(ctx)}
	}
	return err
}

// start gives the token that was got to the step that waits longest for the end.
func (r *run) start(ctx context.Context) error {
	if r.ready.Len() == 0 {
		return r.jobs.Release()
	}
	s := r.ready.take()
	job := stepJob{
		builder: r.b, jobs: r.jobs, step: s, label: r.graph.Label(s),
		ingredients: r.keys[s.ID], paths: r.fetched[s.ID].paths,
	}
	for _, dep := range r.graph.Closure(s.ID) {
		job.closure = append(job.closure, r.outputs[dep.ID])
	}
	r.running[s.ID] = true
	r.spawn(func() { r.finished <- job.run(ctx) })
	return nil
}

func (r *run) arrived(a arrival) error {
	s := r.graph.Step(a.step)
	f := r.source(a.step)
	f.paths, f.err, f.done = a.paths, a.err, true
	if f.wants && r.outputs[a.step].Step == nil {
		r.sourced(s, f)
	}
	return nil
}

func (r *run) ended(ctx context.Context, res stepResult) error {
	if res.err != nil {
		r.lose(res.step, res.err)
		return nil
	}
	if res.shared {
		r.hit[res.step.ID] = true
	}
	return r.done(ctx, res.output)
}

// lose notes a failure; what depends on the step can't run.
func (r *run) lose(s *plan.Step, err error) {
	r.failures = append(r.failures, err)
	lost := []*plan.Step{s}
	for len(lost) > 0 {
		s, lost = lost[0], lost[1:]
		if !r.lost[s.ID] {
			r.lost[s.ID] = true
			r.remaining--
			lost = append(lost, r.graph.Dependents(s.ID)...)
		}
	}
}

// drain waits for the goroutines that are left after an interruption.
func (r *run) drain() {
	for r.working > 0 {
		select {
		case <-r.tokens: //nolint:errcheck // the build has failed already
		case <-r.arrivals:
		case <-r.finished:
		}
		r.working--
	}
}

func (r *run) counts() *Result {
	return &Result{Cached: len(r.hit), Built: len(r.outputs) - len(r.hit), Failed: len(r.failures)}
}

func (r *run) result() (*Result, error) {
	res := r.counts()
	for _, s := range r.graph.Steps() {
		res.Outputs = append(res.Outputs, r.outputs[s.ID])
	}
	if res.Built > 0 {
		if err := r.b.opts.Store.Sync(); err != nil {
			return nil, err
		}
	}
	return res, r.b.noteKeys(res.Outputs)
}

// noteKeys lets a later build say what has changed since this one.
func (b *Builder) noteKeys(outputs []StepOutput) error {
	o := &b.opts
	was := lastKeys(o.Store.LastKeys(o.Project, o.Target))
	now := was.note(outputs)
	if maps.Equal(was, now) {
		return nil
	}
	return o.Store.SetLastKeys(o.Project, o.Target, now)
}

// recordedDuration is how long the step took when it was last built, or 0.
func (b *Builder) recordedDuration(s *plan.Step) time.Duration {
	if d := b.opts.Store.Duration(plan.Series(s.ID), s.Version); d > 0 {
		return d
	}
	return b.opts.Store.Duration(s.Name, s.Version) // as it was noted before steps had IDs
}
