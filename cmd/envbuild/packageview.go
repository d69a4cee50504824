package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/digest"
)

// packageView is the outputs' tree with the prefixes of a server. The store keeps
// it, as an output that is made of outputs, so that a new version of the
// application relocates nothing. The tree is the store's: it is only to be read.
func (s *session) packageView(ctx context.Context, b built, at places) (out *store.Output, err error) {
	key := packageViewKey(b, at)
	unlock, _, err := s.store.Lock(ctx, "package view "+key.String(), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if out, err = s.keptView(ctx, key); !errors.Is(err, store.ErrMissing) {
		return out, err
	}
	start := s.now()
	staging, remove, err := s.store.TempDir("view")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	dest := filepath.Join(staging, "view")
	if err := s.makeView(ctx, b, viewRequest{dest: dest, places: at, time: localViewTime(), unsynced: true}); err != nil {
		return nil, err
	}
	if out, err = s.store.PutOutput(ctx, dest); err != nil {
		return nil, err
	}
	_, err = s.store.PutAction(ctx, &store.Action{
		Key: key, Output: out.ID, Step: "view of " + s.spec.Name, Started: start, Duration: s.now().Sub(start),
	})
	return out, err
}

// addView makes the view of the package, or finds it.
func (c *packageContent) addView(ctx context.Context) error {
	view, err := c.packageView(ctx, c.built, c.layout.places)
	if err != nil {
		return err
	}
	c.staging = view.Tree
	c.origins, err = c.session.origins(ctx, c.built, view)
	return err
}

// keptView returns the tree of an earlier call, hashed again: what reaches a
// server is what the steps made. It fails with store.ErrMissing.
func (s *session) keptView(ctx context.Context, key digest.Key) (*store.Output, error) {
	start := s.now()
	a, err := s.store.LookupAction(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := s.store.Verify(ctx, a.Output); err != nil {
		return nil, err
	}
	out, err := s.store.Output(ctx, a.Output)
	if err != nil {
		return nil, err
	}
	s.emit(build.Event{Kind: build.ViewDone, Path: out.Tree, Hit: true, Total: len(out.Manifest.Entries), Duration: s.now().Sub(start)})
	return out, nil
}

// packageViewKey hashes all that decides what a view holds.
func packageViewKey(b built, at places) digest.Key {
	h := digest.NewHasher("package view")
	h.Field("version", viewVersion)
	for _, rw := range at.prefixes() {
		h.Field("rewrite", rw.From, rw.To)
	}
	for _, o := range b.outputs {
		h.Field("output", string(o.Step.Kind), o.Step.Name, o.ID.String())
		h.Field("binary prefixes", o.Step.BinaryPrefixes...)
		for _, f := range o.Step.Shared {
			h.Field("shared", f.Path, string(f.Rule))
		}
	}
	return h.Key()
}

// relocatedOrigin is the origin of files in which a path of the server stands.
// Where that path has the ID of all dependencies in it, they change whenever one
// dependency does, and the others don't.
const relocatedOrigin = "relocated"

// origins says of each path of a view which step it comes from: of several that
// have a path, the first one, as in the view itself.
func (s *session) origins(ctx context.Context, b built, view *store.Output) (map[string]string, error) {
	inView := map[string]store.Entry{}
	for _, e := range view.Manifest.Entries {
		inView[e.Path] = e
	}
	from := map[string]string{}
	for _, o := range b.outputs {
		out, err := s.store.Output(ctx, o.ID)
		if err != nil {
			return nil, fmt.Errorf("the output of %s: %w", o.Step.Name, err)
		}
		root := viewFolder(o.Step)
		for _, e := range out.Manifest.Entries {
			p := path.Join(root, e.Path)
			switch {
			case from[p] != "":
			case inView[p].SHA256 != e.SHA256 || e.Kind == store.Symlink && inView[p].Target != e.Target:
				from[p] = relocatedOrigin
			default:
				from[p] = o.Step.Name
			}
		}
	}
	return from, nil
}

// viewFolder is where a view has a step's output.
func viewFolder(s *plan.Step) string {
	if s.Kind == plan.Runtime {
		return runtimeFolder
	}
	return bundleFolder
}

// writing completes a request with what has no influence on the package: where
// parts are kept, how many are made at once, and a folder for what isn't finished.
func (s *session) writing(req deb.Request) (_ deb.Request, remove func() error, err error) {
	req.Cache, req.Parallel = s.store, s.jobs
	req.Scratch, remove, err = s.store.TempDir("deb")
	return req, remove, err
}
