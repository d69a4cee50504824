// Package publishing brings a project's packages to the targets of its spec, and
// shows what they do by the project's events.
package publishing

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/publish/target"
	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// Options say what to publish, and where to.
type Options struct {
	// To is the name of a target of the spec; it may be empty if there is one only.
	To string
	// Debs are paths of packages. None are those that deploy.Debs makes, of the Version if
	// it isn't empty.
	Debs    []string
	Version string
}

// Publish publishes packages, and returns the target's name and what became of
// them: of those that were published, even if there is an error.
func Publish(ctx context.Context, p *project.Project, opts Options) (to string, published []publish.Published, err error) {
	t, err := target.Choose(p.Spec, opts.To)
	if err != nil {
		return "", nil, err
	}
	paths := opts.Debs
	if len(paths) == 0 {
		// Before everything is built: a key that is missing, a host that can't be had.
		if err := tryTarget(ctx, p, t); err != nil {
			return t.Name, nil, err
		}
		var remove func()
		if paths, remove, err = makeDebs(ctx, p, opts.Version); err != nil {
			return t.Name, nil, err
		}
		defer remove()
	}
	var packages []publish.Package
	for _, path := range paths {
		pkg, err := publish.Read(path, findXZ(p))
		if err != nil {
			return t.Name, nil, err
		}
		packages = append(packages, pkg)
	}
	opened, done, err := target.Open(ctx, t, TargetOptions(p))
	if err != nil {
		return t.Name, nil, err
	}
	published, err = opened.Publish(ctx, packages)
	return t.Name, published, errors.Join(err, done())
}

func tryTarget(ctx context.Context, p *project.Project, t pkgspec.PublishTarget) error {
	_, done, err := target.Open(ctx, t, TargetOptions(p))
	if err != nil {
		return err
	}
	return done()
}

// makeDebs makes the project's packages in a directory that remove removes.
func makeDebs(ctx context.Context, p *project.Project, version string) (paths []string, remove func(), err error) {
	if err := project.CheckUse(p.Spec, pkgspec.UseDeb); err != nil {
		return nil, nil, err
	}
	dir, removeDir, err := p.Store.TempDir("publish")
	if err != nil {
		return nil, nil, err
	}
	remove = func() {
		if err := removeDir(); err != nil {
			p.Emit(build.Event{Kind: build.Warning, Message: err.Error()})
		}
	}
	made, err := deploy.Debs(ctx, p, deploy.DebOptions{Dir: dir, Version: version})
	if err != nil {
		remove()
		return nil, nil, err
	}
	for _, m := range made {
		paths = append(paths, m.Path)
	}
	return paths, remove, nil
}

// findXZ is the path of the system's xz, or empty where it isn't installed.
func findXZ(p *project.Project) string {
	path, err := p.System().Tool("xz")
	if err != nil {
		return ""
	}
	return path
}

// TargetOptions are those by which a project's targets are opened: what they do is
// shown by the project's events.
func TargetOptions(p *project.Project) target.Options {
	return target.Options{
		Options: managed.Options{Environ: p.Environ(), Now: p.Now, XZ: findXZ(p), Notice: p.Notice},
		Spec:    p.Spec, Offline: p.Offline(), Report: (&uploads{project: p, running: map[string]*upload{}}).report,
	}
}

// uploads makes a project's events of what targets report. A file begins with the
// first report and ends when all of it is sent; what is small goes by unmentioned.
type uploads struct {
	project *project.Project
	mu      sync.Mutex
	running map[string]*upload
}

type upload struct {
	started build.Event
	sent    int64
}

func (u *uploads) report(e publish.Event) {
	const small = 256 << 10
	switch {
	case e.Kind == publish.Waiting:
		u.project.Notice(e.Message)
	case e.Kind == publish.Doubt:
		u.project.Emit(build.Event{Kind: build.Warning, Message: e.Message})
	case e.Size >= small:
		u.mu.Lock()
		defer u.mu.Unlock()
		u.progress(filepath.Base(e.Name), e)
	}
}

func (u *uploads) progress(name string, e publish.Event) {
	const every = 128 << 10
	f := u.running[name]
	if f == nil {
		if e.Kind == publish.Sent {
			return
		}
		f = &upload{started: build.Event{Kind: build.UploadStarted, Name: name, Size: e.Size, Time: u.project.Now()}}
		u.running[name] = f
		u.project.Emit(f.started)
	}
	switch {
	case e.Kind == publish.Sent || e.Bytes == e.Size:
		delete(u.running, name)
		u.project.Emit(build.Event{Kind: build.UploadDone, Name: name, Bytes: e.Size, Duration: u.project.Now().Sub(f.started.Time)})
	case e.Bytes < f.sent || e.Bytes-f.sent >= every: // less than before: a further try
		f.sent = e.Bytes
		u.project.Emit(build.Event{Kind: build.UploadProgress, Name: name, Bytes: e.Bytes, Size: e.Size})
	}
}
