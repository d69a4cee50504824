// Package project is an opened project: its spec with the store, the sources and
// the sandbox that its verbs work with. It locks, plans and builds, and it keeps
// the local environment. Init begins one. What stands on a server is package deploy's.
package project

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/fetch"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/environ"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

// Options say what a project is opened with. All but the last group must be set.
type Options struct {
	Spec *pkgspec.Spec
	// Languages is the table of the languages that are known: Languages(), unless a
	// test has one of its own.
	Languages lang.Table
	// System is what steps run in and packages are for: system.Open of the
	// machine's root.
	System System
	// Cache is the absolute path of the store's directory.
	Cache string
	// Environ is the caller's environment.
	Environ []string
	// Emit receives events, which have their time already.
	Emit build.Emit
	Now  func() time.Time
	// Jobs is the number of cores to use, at least 1.
	Jobs int

	// Display writes a path as the caller wants to read it in messages; nil leaves it
	// as it is.
	Display func(path string) string
	// Offline asks nothing of the network.
	Offline bool
	// RequireSandbox fails where steps can't run in the strongest tier.
	RequireSandbox bool
}

// System is the Debian system that steps run in and packages are made for.
type System interface {
	build.System
	// Dir is the directory below which it stands.
	Dir() string
	// Tool returns the path of a program where steps look for it.
	Tool(name string) (string, error)
	// AptMirrors returns the addresses of the distribution's own archive.
	AptMirrors() ([]string, error)
	// Identity is another one whenever what steps see of the system may have changed.
	Identity() digest.SHA256
}

// Project is an opened project. Its methods may be called from several goroutines
// at once.
type Project struct {
	Spec  *pkgspec.Spec
	Store *store.Store

	opts       Options
	languages  lang.Table // those of the spec
	registries map[string][]lang.Registry
	fetcher    *fetch.Fetcher

	boxOnce sync.Once // steps ask for the sandbox at the same time
	box     *sandbox.Sandbox
	boxErr  error
}

// Open opens the store and the sources of a project. Whoever opens it closes it.
func Open(ctx context.Context, opts Options) (*Project, error) {
	p := &Project{Spec: opts.Spec, opts: opts}
	p.languages = opts.Languages.Of(opts.Spec)
	var err error
	p.registries, err = p.languages.Registries(lang.Configuration{Getenv: p.Getenv, ReadFile: p.readFile})
	if err != nil {
		return nil, &UsageError{Message: err.Error(), Help: hint.Of(err)}
	}
	if p.Store, err = OpenStore(ctx, opts.Cache, opts.Now, p.Emit); err != nil {
		return nil, err
	}
	p.fetcher = p.newFetcher()
	return p, nil
}

// OpenStore opens the store in a directory, whatever project it is for. emit
// receives its warnings.
func OpenStore(ctx context.Context, dir string, now func() time.Time, emit build.Emit) (*store.Store, error) {
	return store.Open(ctx, dir, store.Options{
		Now:  now,
		Warn: func(err error) { emit(build.Event{Kind: build.Warning, Message: err.Error()}) },
	})
}

// Close ends the sandbox and the store.
func (p *Project) Close() error {
	var err error
	if p.box != nil {
		err = p.box.Close()
	}
	return errors.Join(err, p.Store.Close())
}

// Emit stamps an event and hands it on.
func (p *Project) Emit(e build.Event) {
	e.Time = p.opts.Now()
	p.opts.Emit(e)
}

// Notice emits something that a person should know: one whole sentence.
func (p *Project) Notice(message string) { p.Emit(build.Event{Kind: build.Notice, Message: message}) }

// Now is the project's clock.
func (p *Project) Now() time.Time { return p.opts.Now() }

// Environ is the caller's environment.
func (p *Project) Environ() []string { return p.opts.Environ }

// Offline reports whether nothing may be asked of the network.
func (p *Project) Offline() bool { return p.opts.Offline }

// Jobs is the number of cores to use.
func (p *Project) Jobs() int { return p.opts.Jobs }

// Languages are the languages of the spec, in its order.
func (p *Project) Languages() lang.Table { return p.languages }

// System is the Debian system that the project was opened with.
func (p *Project) System() System { return p.opts.System }

// Getenv is os.Getenv on the environment that the project was opened with.
func (p *Project) Getenv(name string) string { return environ.Environ(p.opts.Environ).Get(name) }

// display is a path for messages.
func (p *Project) display(path string) string {
	if p.opts.Display == nil {
		return path
	}
	return p.opts.Display(path)
}

// path is the absolute path of a file of the project, whose name is relative to
// the spec and slash-separated.
func (p *Project) path(name string) string {
	return filepath.Join(p.Spec.Dir, filepath.FromSlash(name))
}

// UsageError says that something can't be asked for: a flag or a variable of the
// environment is wrong, not the project.
type UsageError struct{ Message, Help string }

func (e *UsageError) Error() string { return e.Message }

// Hint says what can be asked for, or is empty.
func (e *UsageError) Hint() string { return e.Help }

// usagef makes a *UsageError without a hint.
func usagef(format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}

// interrupted is the error of a context that ended, whatever else went wrong.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	return err
}
