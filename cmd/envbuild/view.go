package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/pkgspec"
)

// The folders of a view and of a package's prefix.
const (
	runtimeFolder = "runtime"
	bundleFolder  = "local"
)

// places are the real prefixes of a view's two parts.
type places struct {
	runtime string // the interpreter
	bundle  string // the distributions
}

// below puts both parts below one folder, as the local view has them.
func below(prefix string) places {
	return places{runtime: filepath.Join(prefix, runtimeFolder), bundle: filepath.Join(prefix, bundleFolder)}
}

// prefixes replaces the prefixes of the build by the real ones.
func (p places) prefixes() []view.Rewrite {
	return []view.Rewrite{{From: plan.RuntimePrefix, To: p.runtime}, {From: plan.BundlePrefix, To: p.bundle}}
}

// relocate puts the real prefixes into a language's value.
func (p places) relocate(value string) string {
	for _, rw := range p.prefixes() {
		value = strings.ReplaceAll(value, rw.From, rw.To)
	}
	return value
}

// placed is where the file that a view has at path is to be.
func (p places) placed(path string) string {
	if rest, ok := strings.CutPrefix(path, runtimeFolder); ok && (rest == "" || rest[0] == '/') {
		return p.runtime + rest
	}
	return p.bundle + strings.TrimPrefix(path, bundleFolder)
}

type viewRequest struct {
	dest   string // where the view appears
	places places // where its files believe to be
	time   time.Time
	// unsynced says that a torn view would be noticed.
	unsynced bool
}

// makeView merges the outputs and relocates them to a prefix.
func (s *session) makeView(ctx context.Context, b built, req viewRequest) error {
	start := s.now()
	s.emit(build.Event{Kind: build.ViewStarted, Path: req.dest})
	if err := s.verifyOutputs(ctx, b.outputs, req.dest); err != nil {
		return err
	}
	res, err := view.Make(ctx, view.Request{
		Parts:        viewParts(b.outputs),
		Rewrites:     req.places.prefixes(),
		Placeholders: []string{plan.WorkPath},
		Forbidden:    s.store.PrivatePaths(),
		Dest:         req.dest,
		Time:         req.time,
		Unsynced:     req.unsynced,
		Parallel:     s.jobs,
	})
	if ctx.Err() != nil {
		return &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	if err != nil {
		return err
	}
	s.emit(build.Event{
		Kind: build.ViewDone, Path: req.dest, Bytes: res.Bytes, Total: len(res.Entries), Hit: res.Existed,
		Duration: s.now().Sub(start),
	})
	return nil
}

// verifyOutputs hashes outputs again before a new view is made of them: what
// reaches a server is what the steps made.
func (s *session) verifyOutputs(ctx context.Context, outputs []build.StepOutput, dest string) error {
	if _, err := os.Stat(dest); err == nil {
		return nil
	}
	for _, o := range outputs {
		if err := s.store.Verify(ctx, o.ID); err != nil {
			return fmt.Errorf("the output of %s: %w", o.Step.Name, err)
		}
	}
	return nil
}

// viewParts sorts outputs by the prefix that they belong to.
func viewParts(outputs []build.StepOutput) []view.Part {
	runtime, bundle := view.Part{Root: runtimeFolder}, view.Part{Root: bundleFolder}
	for _, o := range outputs {
		part := &bundle
		if o.Step.Kind == plan.Runtime {
			part = &runtime
		}
		part.Layers = append(part.Layers, view.Layer{
			Name: o.Step.Name, Tree: o.Tree, BinaryPrefixes: o.Step.BinaryPrefixes,
		})
		for _, f := range o.Step.Shared {
			shared := view.Shared{Path: f.Path, Rule: view.Rule(f.Rule)}
			if !slices.Contains(part.Shared, shared) {
				part.Shared = append(part.Shared, shared)
			}
		}
	}
	return []view.Part{runtime, bundle}
}

// environment is the project's environment for a view at these places and an
// application at base.
func (s *session) environment(at places, base string) (*env.Environment, error) {
	return env.New(s.pinned(at, base), s.spec.Env)
}

// pinned are the variables that the spec can't replace.
func (s *session) pinned(at places, base string) []env.Var {
	pinned := []env.Var{env.Literals("PROJECT_BASE", env.Set, base)}
	for _, v := range s.language.Environment() {
		values := make([]string, len(v.Values))
		for i, value := range v.Values {
			values[i] = at.relocate(value)
		}
		pinned = append(pinned, env.Literals(v.Name, envKind(v.Kind), values...))
	}
	return pinned
}

func envKind(k lang.VarKind) env.Kind {
	switch k {
	case lang.Prepend:
		return env.Prepend
	case lang.Path:
		return env.Path
	case lang.Unset:
		return env.Unset
	}
	return env.Set
}

// overlay reads the spec's env files.
func (s *session) overlay(files []string, command []env.Assignment) (env.Overlay, error) {
	over := env.Overlay{Command: command}
	for _, path := range files {
		f, err := env.ReadFile(path, false)
		if err != nil {
			return over, err
		}
		over.Files = append(over.Files, f)
	}
	for _, name := range s.spec.EnvFiles {
		f, err := env.ReadFile(filepath.Join(s.spec.Dir, name), true)
		if err != nil {
			return over, err
		}
		over.Files = append(over.Files, f)
	}
	return over, nil
}

// cached returns the outputs of the lock if the store has them all.
func (s *session) cached(ctx context.Context, lock *pkgspec.Lock) (built, bool, error) {
	b := built{lock: lock}
	g, err := s.graph(lock)
	if err != nil {
		return b, false, err
	}
	builder, err := s.builder(ctx, lock, buildOptions{})
	if err != nil {
		return b, false, err
	}
	decisions, err := builder.Plan(ctx, g)
	if err != nil {
		return b, false, err
	}
	for _, d := range decisions {
		if !d.Cached {
			return b, false, nil
		}
		b.outputs = append(b.outputs, build.StepOutput{Step: d.Step, Key: d.Key, ID: d.Output, Tree: s.store.Tree(d.Output)})
	}
	return b, true, nil
}
