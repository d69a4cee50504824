package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/fetch"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
)

// fetchSource brings a step's source into the store and returns its path.
func (s *session) fetchSource(ctx context.Context, src plan.Source) (string, error) {
	a, err := s.fetcher.Get(ctx, request(src))
	return a.File, err
}

func request(src plan.Source) fetch.Request {
	return fetch.Request{
		Name: src.Name, File: src.File, SHA256: src.SHA256, Size: src.Size,
		Path: src.Path, Mirrors: src.Mirrors, URLs: src.URLs, DebianPaths: src.DebianPaths,
	}
}

// fetchEvent turns an event of a download into one of the build.
func (s *session) fetchEvent(e fetch.Event) {
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
	s.emit(out)
}

// lockSources lets a language read mirrors and archives while it locks.
type lockSources struct{ s *session }

// Read implements lang.Sources.
func (l lockSources) Read(ctx context.Context, mirror, path string) ([]byte, error) {
	data, err := l.s.fetcher.Read(ctx, mirror, path)
	return data, notFound(err)
}

// Find implements lang.Sources.
func (l lockSources) Find(ctx context.Context, mirrors []string, path string) (lang.Archive, error) {
	a, err := l.s.fetcher.Find(ctx, mirrors, path)
	return archive(a), notFound(err)
}

// Pinned implements lang.Sources.
func (l lockSources) Pinned(ctx context.Context, src plan.Source) (lang.Archive, error) {
	a, err := l.s.fetcher.Get(ctx, request(src))
	return archive(a), notFound(err)
}

// lockFacts is the kind of the store's facts that languages keep about archives.
const lockFacts = "lock"

// LoadFacts implements perl.FactCache.
func (l lockSources) LoadFacts(key string) ([]byte, bool) {
	return l.s.store.Fact(lockFacts, digest.Sum([]byte(key)))
}

// SaveFacts implements perl.FactCache.
func (l lockSources) SaveFacts(key string, data []byte) error {
	return l.s.store.PutFact(lockFacts, digest.Sum([]byte(key)), data)
}

func archive(a fetch.Archive) lang.Archive {
	return lang.Archive{File: a.File, SHA256: a.SHA256, Size: a.Size, Mirror: a.Mirror}
}

// notFound translates the fetcher's word for an absent file into the languages'.
func notFound(err error) error {
	if errors.Is(err, fetch.ErrNotFound) {
		return fmt.Errorf("%w: %w", lang.ErrNotFound, err)
	}
	return err
}

// evaluate runs a script of the language with the pinned runtime, which is built
// if need be.
func (s *session) evaluate(ctx context.Context, runtime plan.Step, script string, stdin []byte) ([]byte, error) {
	language, ok := s.language.(lang.Interpreter)
	if !ok {
		return nil, fmt.Errorf("%s runs no scripts", s.language.Name())
	}
	b, err := s.builder(ctx, nil, buildOptions{})
	if err != nil {
		return nil, err
	}
	s.finishing(&runtime) // the same step as in the project's graph
	return b.Evaluate(ctx, build.Script{
		Runtime: runtime, Interpreter: language.Interpreter(), Text: script, Stdin: stdin,
	})
}
