package deploy

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// precompressor compresses what large steps made while others still are at work:
// the package finds its parts in the cache. It takes no more than one core, and
// what it doesn't come to is compressed with the package.
type precompressor struct {
	*project.Project
	settings *deb.Settings
	version  string // the package's
	lock     *pkgspec.Lock

	work sync.WaitGroup
	turn chan struct{}
}

// followBuild returns what compresses outputs as steps make them; nil if it can't
// be known yet where files will stand: what a shared runtime is called depends on
// how it was built.
func followBuild(p *project.Project, settings *deb.Settings, version string) project.Follower {
	if p.Spec.SharedRuntime() != nil {
		return nil
	}
	return func(ctx context.Context, lock *pkgspec.Lock) (func(build.StepOutput), func()) {
		c := &precompressor{Project: p, settings: settings, version: version, lock: lock, turn: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(ctx)
		return func(o build.StepOutput) { c.start(ctx, o) }, func() {
			cancel()
			c.work.Wait()
		}
	}
}

// start begins to compress an output. Nothing depends on whether that works.
func (c *precompressor) start(ctx context.Context, o build.StepOutput) {
	c.work.Go(func() {
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-c.turn }()
		if err := c.compress(ctx, o); err != nil && ctx.Err() == nil {
			c.Emit(build.Event{Kind: build.Warning, Message: "compress " + o.Step.Name + " ahead: " + err.Error(), Hint: hint.Of(err)})
		}
	})
}

func (c *precompressor) compress(ctx context.Context, o build.StepOutput) error {
	stored, err := c.Store.Output(ctx, o.ID)
	if err != nil {
		return err
	}
	var size int64
	for _, e := range stored.Manifest.Entries {
		size += e.Size
	}
	if size < deb.LargeOrigin {
		return nil
	}
	date, err := c.SourceDate(c.lock)
	if err != nil {
		return err
	}
	layout, err := layoutFor(c.Project, project.Built{Lock: c.lock}, nil, c.Spec.Package.Prefix, c.version)
	if err != nil {
		return err
	}
	entries, err := layout.earlyEntries(Output{Step: o.Step, ID: o.ID, Entries: stored.Entries()}, dateDependencies(date, c.lock))
	if err != nil {
		return err
	}
	return deb.Ahead(ctx, deb.Request{Entries: entries, Settings: c.settings, Cache: c.Store, XZ: xzProgram(c.Project)})
}

// earlyEntries are an output's files as the package will have them, but for those
// that are relocated.
func (l Layout) earlyEntries(o Output, date time.Time) ([]tree.Entry, error) {
	if len(l.ViewPaths(o.Step, "")) != 1 {
		return nil, nil // the package doesn't have it, or has links between its places
	}
	finder := view.NewFinder(l.Builds()...)
	relocated := map[string]bool{}
	var err error
	var entries []tree.Entry
	moved := tree.Move(o.Entries, func(p string) string { return l.Locate(l.ViewPaths(o.Step, p)[0]) })
	for i, e := range o.Entries {
		switch e.Kind {
		case tree.Dir:
			continue
		case tree.Symlink:
			relocated[e.Path] = l.Relocate(e.Target) != e.Target
		case tree.Hardlink:
			relocated[e.Path] = relocated[e.Target]
		case tree.File:
			if relocated[e.Path], err = findIn(finder, e.Source); err != nil {
				return nil, err
			}
		}
		if relocated[e.Path] {
			continue
		}
		entry := moved[i]
		entry.Time, entry.Origin = date, o.Step.Name
		entries = append(entries, entry)
	}
	return l.dpkgEntries(entries), nil
}

func findIn(finder *view.Finder, name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return finder.In(f)
}
