package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
)

// viewVersion changes when views of the same outputs come out differently.
const viewVersion = "1"

// viewRequest is a view to make.
type viewRequest struct {
	// Dest is where the view appears.
	Dest string
	// Prefixes are where its files believe to be.
	Prefixes Prefixes
	// Time becomes that of all files.
	Time time.Time
	// Unsynced says that a torn view would be noticed.
	Unsynced bool
}

// makeView merges the outputs and relocates them to real prefixes.
func (p *Project) makeView(ctx context.Context, b Built, req viewRequest) error {
	start := p.Now()
	p.Emit(build.Event{Kind: build.ViewStarted, Path: req.Dest})
	if err := p.verifyOutputs(ctx, b.Outputs, req.Dest); err != nil {
		return err
	}
	res, err := view.Make(ctx, view.Request{
		Parts:        viewParts(b.Outputs, req.Prefixes),
		Extra:        extraEntries(p.Layout(b)),
		Rewrites:     req.Prefixes.rewrites(),
		Placeholders: foreignPrefixes(b.Outputs, req.Prefixes),
		Forbidden:    p.Store.PrivatePaths(),
		Dest:         req.Dest,
		Time:         req.Time,
		Unsynced:     req.Unsynced,
		Parallel:     p.opts.Jobs,
	})
	if ctx.Err() != nil {
		return &build.InterruptedError{Cause: context.Cause(ctx)}
	}
	if err != nil {
		return err
	}
	p.Emit(build.Event{
		Kind: build.ViewDone, Path: req.Dest, Bytes: res.Bytes, Total: len(res.Entries), Hit: res.Existed,
		Duration: p.Now().Sub(start),
	})
	return nil
}

// verifyOutputs hashes outputs again before a new view is made of them: what
// reaches a server is what the steps made.
func (p *Project) verifyOutputs(ctx context.Context, outputs []build.StepOutput, dest string) error {
	if _, err := os.Stat(dest); err == nil {
		return nil
	}
	for _, o := range outputs {
		if err := p.Store.Verify(ctx, o.ID); err != nil {
			return fmt.Errorf("the output of %s: %w", o.Step.Name, err)
		}
	}
	return nil
}

// viewParts sorts outputs by the prefixes that they belong to. What a view has no
// directory for is left out.
func viewParts(outputs []build.StepOutput, at Prefixes) []view.Part {
	parts := make([]view.Part, len(at.dirs))
	for i, d := range at.dirs {
		parts[i].Root = d.path
		for _, o := range outputs {
			if o.Step.Prefix != d.build {
				continue
			}
			for _, place := range o.Step.AllPlaces() {
				parts[i].Layers = append(parts[i].Layers, view.Layer{
					Name: o.Step.Name, Tree: o.Tree, Place: place, BinaryPrefixes: o.Step.BinaryPrefixes,
				})
			}
			addShared(&parts[i], o.Step)
		}
	}
	return parts
}

func addShared(part *view.Part, s *plan.Step) {
	for _, f := range s.Shared {
		shared := view.Shared{Path: f.Path, Rule: view.Rule(f.Rule)}
		if !slices.Contains(part.Shared, shared) {
			part.Shared = append(part.Shared, shared)
		}
	}
}

// extraEntries are the symlinks and files that languages generate for a view.
func extraEntries(l lang.Layout) []tree.Entry {
	var out []tree.Entry
	for _, s := range l.Symlinks {
		out = append(out, tree.Entry{Path: s.Path, Kind: tree.Symlink, Target: s.Target})
	}
	for _, f := range l.Files {
		out = append(out, tree.Entry{Path: f.Path, Mode: f.Mode, Content: []byte(f.Content)})
	}
	return out
}

// foreignPrefixes are those of steps that a view doesn't have: nothing in it may
// hold them.
func foreignPrefixes(outputs []build.StepOutput, at Prefixes) []string {
	out := []string{plan.WorkPath}
	for _, o := range outputs {
		if !at.Has(o.Step) && !slices.Contains(out, o.Step.Prefix) {
			out = append(out, o.Step.Prefix)
		}
	}
	return out
}

// hashView adds to a digest what a view holds, but for its prefixes.
func (p *Project) hashView(h *digest.Hasher, b Built, at Prefixes) {
	for _, o := range b.Outputs {
		if at.Has(o.Step) {
			HashOutput(h, o.Step, o.ID)
		}
	}
	HashExtra(h, p.Layout(b))
}

// HashExtra adds what languages generate for a view to a digest.
func HashExtra(h *digest.Hasher, l lang.Layout) {
	for _, e := range extraEntries(l) {
		h.Field("extra", e.Path, e.Kind.String(), e.Permissions().String(), e.Target, string(e.Content))
	}
}

// HashOutput adds an output to a digest, with where it stands.
func HashOutput(h *digest.Hasher, s *plan.Step, id digest.ID) {
	h.Field(string(s.Kind), s.Name, id.String())
	if len(s.Places) > 0 || s.Engine == plan.Unpack { // else the ID changes with the prefix
		h.Field("places", s.Prefix)
		h.Field("place", s.Places...)
	}
}

// PackageView returns the outputs' tree with the prefixes of a server. The store
// keeps it, as an output that is made of outputs, so that a new version of the
// application relocates nothing. The tree is the store's: it is only to be read.
func (p *Project) PackageView(ctx context.Context, b Built, at Prefixes) (out *store.Output, err error) {
	key := p.hashPackageView(b, at)
	unlock, _, err := p.Store.Lock(ctx, "package view "+key.String(), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if out, err = p.keptView(ctx, key); !errors.Is(err, store.ErrMissing) {
		return out, err
	}
	start := p.Now()
	staging, remove, err := p.Store.TempDir("view")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	dest := filepath.Join(staging, "view")
	if err := p.makeView(ctx, b, viewRequest{Dest: dest, Prefixes: at, Time: viewTime(), Unsynced: true}); err != nil {
		return nil, err
	}
	if out, err = p.Store.PutOutput(ctx, dest); err != nil {
		return nil, err
	}
	_, err = p.Store.PutAction(ctx, &store.Action{
		Key: key, Output: out.ID, Step: "view of " + p.Spec.Name, Started: start, Duration: p.Now().Sub(start),
	})
	return out, err
}

// viewTime is what files of views carry: make and friends only want it to be old.
func viewTime() time.Time { return time.Unix(1, 0).UTC() }

// keptView returns the tree of an earlier call, hashed again: what reaches a
// server is what the steps made. It fails with store.ErrMissing.
func (p *Project) keptView(ctx context.Context, key digest.Key) (*store.Output, error) {
	start := p.Now()
	a, err := p.Store.LookupAction(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := p.Store.Verify(ctx, a.Output); err != nil {
		return nil, err
	}
	out, err := p.Store.Output(ctx, a.Output)
	if err != nil {
		return nil, err
	}
	p.Emit(build.Event{Kind: build.ViewDone, Path: out.Tree, Hit: true, Total: len(out.Manifest.Entries), Duration: p.Now().Sub(start)})
	return out, nil
}

// hashPackageView hashes all that decides what a view holds.
func (p *Project) hashPackageView(b Built, at Prefixes) digest.Key {
	h := digest.NewHasher("package view")
	h.Field("version", viewVersion)
	for _, rw := range at.rewrites() {
		h.Field("rewrite", rw.From, rw.To)
	}
	p.hashView(h, b, at)
	for _, o := range b.Outputs {
		h.Field("binary prefixes", o.Step.BinaryPrefixes...)
		for _, f := range o.Step.Shared {
			h.Field("shared", f.Path, string(f.Rule))
		}
	}
	return h.Key()
}
