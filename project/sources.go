package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/fetch"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
)

func (p *Project) newFetcher() *fetch.Fetcher {
	apt, err := p.opts.System.AptMirrors()
	if err != nil {
		p.Emit(build.Event{Kind: build.Warning, Message: "the machine's apt sources can't be read: " + err.Error()})
	}
	return fetch.New(fetch.Options{
		Store:         p.Store,
		Getenv:        p.Getenv,
		Authorization: p.authorize,
		Vendor:        filepath.Join(p.Spec.Dir, "vendor"),
		Dir:           p.Spec.Dir,
		AptBases:      apt,
		Offline:       p.opts.Offline,
		Progress:      p.emitFetch,
		Now:           p.opts.Now,
	})
}

// authorize is the header that a language's configuration gives for an address: that
// of the registry with the longest address above it.
func (p *Project) authorize(address string) string {
	var best lang.Registry
	for _, l := range p.languages {
		for _, r := range p.registries[l.Name()] {
			above := strings.TrimSuffix(r.Address, "/") + "/"
			if strings.HasPrefix(address, above) && len(r.Address) > len(best.Address) {
				best = r
			}
		}
	}
	return best.Authorization
}

// fetchSource brings a step's source into the store and returns its path.
func (p *Project) fetchSource(ctx context.Context, src plan.Source) (string, error) {
	a, err := p.fetcher.Get(ctx, fetchRequest(src))
	return a.File, err
}

func fetchRequest(src plan.Source) fetch.Request {
	return fetch.Request{
		Name: src.Name, File: src.File, SHA256: src.SHA256, Size: src.Size,
		Path: src.Path, Mirrors: src.Mirrors, URLs: src.URLs, DebianPaths: src.DebianPaths,
	}
}

// emitFetch turns an event of a download into one of the build.
func (p *Project) emitFetch(e fetch.Event) {
	out := build.Event{Name: e.Name, From: e.Place, Bytes: e.Bytes, Size: e.Size, Duration: e.Duration, Err: e.Err}
	if e.Err != nil {
		out.Message = e.Err.Error()
	}
	switch e.Kind {
	case fetch.Started:
		out.Kind = build.FetchStarted
	case fetch.Progress:
		out.Kind = build.FetchProgress
	case fetch.Done:
		out.Kind = build.FetchDone
	case fetch.Retrying, fetch.PlaceFailed, fetch.Failed:
		out.Kind = build.FetchFailed
	case fetch.WrongBytes:
		out.Kind = build.Warning
		out.Message = e.Name + ": " + out.Message
	default:
		return
	}
	p.Emit(out)
}

// FetchedSource is a pinned source and the path at which the store has it.
type FetchedSource struct {
	plan.Source
	File string
}

// Fetch brings all sources of the lock into the store. How many come at once is
// the fetcher's business.
func (p *Project) Fetch(ctx context.Context) ([]FetchedSource, error) {
	lock, err := p.FreshLock()
	if err != nil {
		return nil, err
	}
	steps, err := p.steps(lock)
	if err != nil {
		return nil, err
	}
	var all []FetchedSource
	for _, step := range steps {
		for _, src := range step.Sources {
			all = append(all, FetchedSource{Source: src})
		}
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i].File, errs[i] = p.fetchSource(ctx, all[i].Source) })
	}
	wg.Wait()
	return all, interrupted(ctx, errors.Join(errs...))
}

// Vendor copies all sources of the lock into a directory, in the layout of the
// language's archive network.
func (p *Project) Vendor(ctx context.Context, dir string) error {
	all, err := p.Fetch(ctx)
	if err != nil {
		return err
	}
	for _, src := range all {
		name := src.Path
		if name == "" {
			name = src.Source.File
		}
		if err := copyInto(filepath.Join(dir, filepath.FromSlash(name)), src.File); err != nil {
			return err
		}
	}
	return nil
}

// copyInto copies a file of the store to a path, which appears whole.
func copyInto(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return atomicfile.WriteFrom(to, in, 0o644)
}

// lockSources lets a language read mirrors and archives while it locks.
type lockSources struct{ p *Project }

// Read implements lang.Sources.
func (l lockSources) Read(ctx context.Context, mirror, path string) ([]byte, error) {
	data, err := l.p.fetcher.Read(ctx, mirror, path)
	return data, translateNotFound(err)
}

// Find implements lang.Sources.
func (l lockSources) Find(ctx context.Context, mirrors []string, path string) (lang.Archive, error) {
	a, err := l.p.fetcher.Find(ctx, mirrors, path)
	return langArchive(a), translateNotFound(err)
}

// Pinned implements lang.Sources.
func (l lockSources) Pinned(ctx context.Context, src plan.Source) (lang.Archive, error) {
	a, err := l.p.fetcher.Get(ctx, fetchRequest(src))
	return langArchive(a), translateNotFound(err)
}

// lockFacts is the kind of the store's facts that languages keep about archives.
const lockFacts = "lock"

// LoadFacts implements lang.FactCache.
func (l lockSources) LoadFacts(key string) ([]byte, bool) {
	return l.p.Store.Fact(lockFacts, digest.Sum([]byte(key)))
}

// SaveFacts implements lang.FactCache.
func (l lockSources) SaveFacts(key string, data []byte) error {
	return l.p.Store.PutFact(lockFacts, digest.Sum([]byte(key)), data)
}

func langArchive(a fetch.Archive) lang.Archive {
	return lang.Archive{File: a.File, SHA256: a.SHA256, Size: a.Size, Mirror: a.Mirror}
}

// translateNotFound puts the languages' word for an absent file in the place of
// the fetcher's.
func translateNotFound(err error) error {
	if errors.Is(err, fetch.ErrNotFound) {
		return fmt.Errorf("%w: %w", lang.ErrNotFound, err)
	}
	return err
}
