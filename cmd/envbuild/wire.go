package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/fetch"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/lang/perl"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/ui"
	"github.com/envbuild/envbuild/pkgspec"
)

// languages is the table of the languages that envbuild knows. A new one is a
// folder below build/lang and a row here.
func languages() []lang.Language {
	return []lang.Language{perl.New()}
}

// session is a verb's project with all that it works with, opened once.
type session struct {
	*program
	globals
	spec     *pkgspec.Spec
	language lang.Language
	store    *store.Store
	ui       *ui.UI
	fetcher  *fetch.Fetcher

	boxOnce sync.Once // steps ask for the sandbox at the same time
	box     *sandbox.Sandbox
	boxErr  error
}

// open reads the spec and opens the store and the user interface.
func (p *program) open(c *cli.Context, use pkgspec.Use) (*session, error) {
	g, err := p.globalsOf(c)
	if err != nil {
		return nil, err
	}
	s := &session{program: p, globals: g}
	if s.spec, err = p.spec(g, use); err != nil {
		return nil, err
	}
	for _, l := range languages() {
		if l.Name() == s.spec.Runtime.Language {
			s.language = l
		}
	}
	if s.ui, err = p.newUI(g); err != nil {
		return nil, err
	}
	if s.store, err = p.openStore(c.Context, s.emit); err != nil {
		return nil, errors.Join(err, s.ui.Close())
	}
	s.fetcher = s.newFetcher()
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
	s.emit(build.Event{Kind: build.Notice, Message: "interrupted: what is done is kept, and the same command goes on from there"})
	return &build.InterruptedError{Cause: context.Cause(ctx)}
}

func (s *session) close() error {
	var err error
	if s.box != nil {
		err = s.box.Close()
	}
	return errors.Join(err, s.store.Close(), s.ui.Close())
}

func (p *program) newUI(g globals) (*ui.UI, error) {
	u, err := ui.New(g.progress, ui.Options{
		Out: p.stderr, LookupEnv: p.lookupEnv, Quiet: g.quiet, Verbose: g.verbose,
	})
	if err != nil {
		return nil, &usageError{message: err.Error(), hint: "--progress takes auto, plain, json or none"}
	}
	return u, nil
}

func (p *program) openStore(ctx context.Context, emit build.Emit) (*store.Store, error) {
	root, err := p.cacheRoot()
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, root, store.Options{
		Now: p.now,
		Warn: func(err error) {
			emit(build.Event{Kind: build.Warning, Message: err.Error()})
		},
	})
}

// emit stamps an event and shows it.
func (s *session) emit(e build.Event) {
	e.Time = s.now()
	s.ui.Handle(e)
}

func (s *session) newFetcher() *fetch.Fetcher {
	apt, err := fetch.AptMirrors("/")
	if err != nil {
		s.emit(build.Event{Kind: build.Warning, Message: "the machine's apt sources can't be read: " + err.Error()})
	}
	return fetch.New(fetch.Options{
		Store:    s.store,
		Getenv:   s.getenv,
		Vendor:   filepath.Join(s.spec.Dir, "vendor"),
		Dir:      s.spec.Dir,
		AptBases: apt,
		Offline:  s.offline,
		Progress: s.fetchEvent,
		Now:      s.now,
	})
}

// readFile reads a file of the project by its path relative to the spec.
func (s *session) readFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.spec.Dir, filepath.FromSlash(name)))
}

func (s *session) lockPath() string { return filepath.Join(s.spec.Dir, pkgspec.LockName) }

// readLock reads the lock, or returns nil if there is none.
func (s *session) readLock() (*pkgspec.Lock, error) {
	data, err := os.ReadFile(s.lockPath())
	if notExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return pkgspec.ParseLock(s.display(s.lockPath()), data)
}

// freshLock reads the lock and fails with a *lockError if there is none or if
// what it was resolved from has changed since.
func (s *session) freshLock() (*pkgspec.Lock, error) {
	lock, err := s.readLock()
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, &lockError{path: s.display(s.lockPath())}
	}
	now, err := s.lockInputs()
	if err != nil {
		return nil, err
	}
	if reasons := lock.Stale(now); len(reasons) > 0 {
		return nil, &lockError{path: s.display(s.lockPath()), reasons: reasons}
	}
	return lock, nil
}

// lockInputs are the digests of what a lock of this project would be made from.
func (s *session) lockInputs() ([]pkgspec.LockInput, error) {
	return perl.Inputs(s.spec, s.readFile)
}

func (s *session) writeLock(lock *pkgspec.Lock) error {
	return atomicfile.Write(s.lockPath(), lock.Encode(), 0o644)
}

// sandbox finds the strongest tier that the kernel allows, once, and warns if
// that isn't the strongest there is.
func (s *session) sandbox(ctx context.Context) (*sandbox.Sandbox, error) {
	s.boxOnce.Do(func() {
		var tier sandbox.Tier
		if tier, s.boxErr = s.tier(ctx); s.boxErr == nil {
			s.box = sandbox.New(tier, sandbox.Options{Now: s.now})
		}
	})
	return s.box, s.boxErr
}

// tier is the tier to build in. ENVBUILD_SANDBOX names a weaker one than the
// kernel allows, to try what a container would do.
func (s *session) tier(ctx context.Context) (sandbox.Tier, error) {
	scratch, remove, err := s.store.TempDir("probe")
	if err != nil {
		return 0, err
	}
	tier, reason := sandbox.Probe(ctx, scratch)
	if err := remove(); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	if name, ok := s.lookupEnv("ENVBUILD_SANDBOX"); ok && name != "" {
		asked, err := sandbox.ParseTier(name)
		if err != nil {
			return 0, &usageError{message: "ENVBUILD_SANDBOX: " + err.Error()}
		}
		if asked < tier {
			tier, reason = asked, errors.New("ENVBUILD_SANDBOX asks for it")
		}
	}
	if tier == sandbox.Namespaces {
		return tier, nil
	}
	if s.requireSandbox {
		return 0, &sandboxRequiredError{tier: tier, reason: reason}
	}
	s.emit(build.Event{
		Kind:    build.Warning,
		Message: "steps run in the sandbox tier " + tier.String() + ": " + reason.Error(),
		Hint:    hint.Of(reason),
	})
	return tier, nil
}

// sandboxRequiredError says that --require-sandbox can't be met.
type sandboxRequiredError struct {
	tier   sandbox.Tier
	reason error
}

func (e *sandboxRequiredError) Error() string {
	return "--require-sandbox: the strongest tier here is " + e.tier.String() + ": " + e.reason.Error()
}

// Unwrap returns why.
func (e *sandboxRequiredError) Unwrap() error { return e.reason }

// steps turns the lock's pins into steps. Mirrors of the environment replace the
// spec's for every verb: where an archive comes from is no part of what it is.
func (s *session) steps(lock *pkgspec.Lock) ([]plan.Step, error) {
	mirrors, err := s.mirrorOverride()
	if err != nil {
		return nil, err
	}
	spec := *s.spec
	if len(mirrors) > 0 && spec.Dependencies.CPAN != nil {
		cpan := *spec.Dependencies.CPAN
		cpan.Mirrors = mirrors
		spec.Dependencies.CPAN = &cpan
	}
	return s.language.Steps(&spec, lock)
}

// plannedBuild is a builder with the graph that it builds, and the lock.
type plannedBuild struct {
	*build.Builder
	lock  *pkgspec.Lock
	graph *plan.Graph
}

// planned is for verbs that look at the steps of the lock.
func (s *session) planned(ctx context.Context) (*plannedBuild, error) {
	lock, err := s.freshLock()
	if err != nil {
		return nil, err
	}
	g, err := s.graph(lock)
	if err != nil {
		return nil, err
	}
	b, err := s.builder(ctx, lock, buildOptions{})
	return &plannedBuild{b, lock, g}, err
}

// graph turns the lock's pins into the graph of steps.
func (s *session) graph(lock *pkgspec.Lock) (*plan.Graph, error) {
	steps, err := s.steps(lock)
	if err != nil {
		return nil, err
	}
	for i := range steps {
		s.finishing(&steps[i])
	}
	return plan.NewGraph(steps)
}

// finishing adds to a step what is done with what it added, for all languages.
func (s *session) finishing(step *plan.Step) {
	if s.spec.Runtime.Strip {
		step.Strip = build.StripRecipe()
	}
}

// builder returns a builder for graphs of the lock.
func (s *session) builder(ctx context.Context, lock *pkgspec.Lock, opts buildOptions) (*build.Builder, error) {
	machine, err := build.ReadMachine(ctx, s.store)
	if err != nil {
		return nil, err
	}
	emit := opts.emit
	if emit == nil {
		emit = s.emit
	}
	return build.New(build.Options{
		Store: s.store, Sandbox: s.sandbox, Fetch: s.fetchSource, Machine: machine,
		Project: s.spec.Dir, Lock: lock, Language: s.language, Emit: emit,
		Jobs: s.jobs, Now: s.now,
		Rebuild: opts.rebuild, KeepFailed: opts.keepFailed,
	}), nil
}
