// Package target opens the targets that a spec publishes to. Each kind of targets
// is a file and a row of the table: how it is reached, and either the storage of a
// repository that envbuild manages, or a server that manages its own.
package target

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/pkgspec"
)

// Options are what targets need of whoever publishes.
type Options struct {
	managed.Options
	Spec *pkgspec.Spec
	// Offline refuses targets on other machines.
	Offline bool
	// Report receives what a target does.
	Report publish.Report
}

// kind is how the targets of one kind are opened: place or server is set.
type kind struct {
	name string
	// local says that they are on this machine.
	local bool
	// place opens the storage of a repository that envbuild manages.
	place func(context.Context, *opening) (place, error)
	// server opens a target that is managed by its own server.
	server func(*opening) (publish.Target, error)
}

// kinds is the table.
func kinds() []kind { return []kind{dirKind(), s3Kind(), sshKind(), aptlyKind(), httpKind()} }

// place is where a repository is stored, and how it is reached.
type place struct {
	storage managed.Storage
	// root is a local directory's path; url is where apt finds the repository.
	root, url string
	close     func() error // nil: there is nothing to close
}

// opening is a target that is being opened.
type opening struct {
	Options
	pkgspec.PublishTarget
	kind kind
}

func newOpening(opts Options, t pkgspec.PublishTarget) (*opening, error) {
	for _, k := range kinds() {
		if k.name != t.Where.Kind() {
			continue
		}
		if opts.Offline && !k.local {
			return nil, &publish.UsageError{Message: "--offline: the target " + t.Name + " is on another machine", Help: "leave --offline out"}
		}
		return &opening{opts, t, k}, nil
	}
	return nil, fmt.Errorf("the target %s is of an unknown kind, %s", t.Name, t.Where.Kind())
}

// variables is what the names of the variables with the target's secrets begin
// with.
func (o *opening) variables() string {
	return "ENVBUILD_PUBLISH_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, o.Name)
}

// inProject is a path of the spec: relative to its directory.
func (o *opening) inProject(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(o.Spec.Dir, path)
}

// sent reports how much of a file a storage has sent.
func (o *opening) sent(name string, n, size int64) {
	o.Report.Send(publish.Event{Kind: publish.Sending, Name: name, Bytes: n, Size: size})
}

// Choose returns the spec's target of that name, or for "" the only one.
func Choose(spec *pkgspec.Spec, name string) (pkgspec.PublishTarget, error) {
	var names []string
	for _, t := range spec.Publish {
		if t.Name == name || name == "" && len(spec.Publish) == 1 {
			return t, nil
		}
		names = append(names, t.Name)
	}
	if name == "" {
		return pkgspec.PublishTarget{}, &publish.UsageError{Message: "the spec has several targets: " + strings.Join(names, ", "), Help: "choose one: --to " + names[0]}
	}
	return pkgspec.PublishTarget{}, &publish.UsageError{Message: fmt.Sprintf("the spec has no target %q", name), Help: "it has " + strings.Join(names, ", ")}
}

// Open opens a target to publish to. done closes it.
func Open(ctx context.Context, t pkgspec.PublishTarget, opts Options) (target publish.Target, done func() error, err error) {
	o, err := newOpening(opts, t)
	if err != nil {
		return nil, nil, err
	}
	if o.kind.server != nil {
		target, err := o.kind.server(o)
		return target, func() error { return nil }, err
	}
	r, done, err := o.repository(ctx)
	if err != nil {
		return nil, nil, &publish.Error{Target: t.Name, Err: err}
	}
	write, err := r.WriteOptions(ctx, managed.Keys{})
	if err != nil {
		return nil, nil, errors.Join(&publish.Error{Target: t.Name, Err: err}, done())
	}
	out := publish.RepositoryOptions{
		Name: t.Name, Storage: r.Storage, Location: r.Storage.Location, Options: write, Missing: o.explainCreation(r),
		Place: repo.Place{Distribution: t.Distribution, Component: t.Component},
	}
	if t.Create != nil {
		out.Create = func(ctx context.Context) (*repo.Repository, error) { return r.Create(ctx, o.setup(), write) }
	}
	return publish.NewRepository(out), done, nil
}

// OpenRepository opens the repository of a target as it is: it makes none. done
// closes it.
func OpenRepository(ctx context.Context, t pkgspec.PublishTarget, opts Options) (r *managed.Repository, done func() error, err error) {
	o, err := newOpening(opts, t)
	if err != nil {
		return nil, nil, err
	}
	if o.kind.place == nil {
		return nil, nil, &publish.UsageError{
			Message: "the target " + t.Name + " is managed by its own server; envbuild can only upload to it", Help: "use the server's own tools",
		}
	}
	o.Create = nil
	return o.repository(ctx)
}

func (o *opening) repository(ctx context.Context) (*managed.Repository, func() error, error) {
	p, err := o.kind.place(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	r := &managed.Repository{Options: o.Options.Options, Storage: p.storage, Root: p.root, URL: p.url}
	r.SpecKeys = func(ctx context.Context) (managed.Keys, error) { return o.keys(ctx, r) }
	if p.close == nil {
		p.close = func() error { return nil }
	}
	return r, p.close, nil
}
