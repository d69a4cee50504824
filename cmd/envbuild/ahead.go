package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

// ahead compresses what large steps made while others still are at work: the
// package finds its parts in the cache. It takes no more than one core, and what
// it doesn't come to is compressed with the package.
type ahead struct {
	*session
	settings *deb.Settings
	version  string // the package's

	work sync.WaitGroup
	turn chan struct{}
}

// newAhead returns nil if it can't be known yet where files will stand: what a
// shared runtime is called depends on how it was built.
func (s *session) newAhead(settings *deb.Settings, version string) *ahead {
	if s.spec.Runtime.As == pkgspec.AsPackage {
		return nil
	}
	return &ahead{session: s, settings: settings, version: version, turn: make(chan struct{}, 1)}
}

// follow returns an emit that has outputs compressed as steps make them, and what
// ends that.
func (a *ahead) follow(ctx context.Context, lock *pkgspec.Lock, g *plan.Graph) (emit build.Emit, stop func()) {
	if a == nil {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	emit = func(e build.Event) {
		a.emit(e)
		if e.Kind == build.StepDone && !e.Hit {
			a.start(ctx, lock, build.StepOutput{Step: g.Step(e.Name), Key: e.Key, ID: e.Output})
		}
	}
	return emit, func() {
		cancel()
		a.work.Wait()
	}
}

// start begins to compress an output. Nothing depends on whether that works.
func (a *ahead) start(ctx context.Context, lock *pkgspec.Lock, o build.StepOutput) {
	a.work.Go(func() {
		select {
		case a.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-a.turn }()
		if err := a.compress(ctx, lock, o); err != nil && ctx.Err() == nil {
			a.emit(build.Event{Kind: build.Warning, Message: "compress " + o.Step.Name + " ahead: " + err.Error(), Hint: hint.Of(err)})
		}
	})
}

func (a *ahead) compress(ctx context.Context, lock *pkgspec.Lock, o build.StepOutput) error {
	out, err := a.store.Output(ctx, o.ID)
	if err != nil {
		return err
	}
	var size int64
	for _, e := range out.Manifest.Entries {
		size += e.Size
	}
	if size < deb.LargeOrigin {
		return nil
	}
	entries, err := a.entries(lock, o, out)
	if err != nil {
		return err
	}
	return deb.Ahead(ctx, deb.Request{Entries: entries, Settings: a.settings, Cache: a.store})
}

// entries are the output's files as the package will have them, but for those
// that are relocated. They are what packageContent.viewEntries makes of them.
func (a *ahead) entries(lock *pkgspec.Lock, o build.StepOutput, out *store.Output) ([]deb.Entry, error) {
	date, err := a.sourceDate(lock)
	if err != nil {
		return nil, err
	}
	layout, err := a.newLayout(built{lock: lock}, a.spec.Package.Prefix, a.version)
	if err != nil {
		return nil, err
	}
	root := viewFolder(o.Step)
	finder := view.NewFinder(plan.RuntimePrefix, plan.BundlePrefix)
	moved := map[string]bool{}
	var entries []deb.Entry
	for _, e := range out.Manifest.Entries {
		entry := deb.Entry{
			Path: layout.placed(path.Join(root, e.Path)), Mode: 0o644, Time: dependenciesDate(date, lock), Origin: o.Step.Name,
		}
		if e.Executable {
			entry.Mode = 0o755
		}
		switch e.Kind {
		case store.Dir:
			continue
		case store.Symlink:
			entry.Type, entry.Target, entry.Mode = deb.Link, e.Target, 0
			moved[e.Path] = strings.Contains(e.Target, plan.RuntimePrefix) || strings.Contains(e.Target, plan.BundlePrefix)
		case store.Hardlink:
			entry.Type, entry.Target = deb.Hardlink, layout.placed(path.Join(root, e.Target))
			moved[e.Path] = moved[e.Target]
		case store.File:
			entry.Source = filepath.Join(out.Tree, filepath.FromSlash(e.Path))
			if moved[e.Path], err = holds(finder, entry.Source); err != nil {
				return nil, err
			}
		}
		if !moved[e.Path] {
			entries = append(entries, entry)
		}
	}
	return layout.packaged(entries), nil
}

func holds(finder *view.Finder, name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return finder.In(f)
}
