package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/deploy/service"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/project"
)

// DebOptions say what packages to make.
type DebOptions struct {
	// Dir receives them.
	Dir string
	// Version is the application's, whatever the spec says; empty leaves it to the
	// spec.
	Version string
	// Nfpm lets nfpm's own packager write them.
	Nfpm bool
}

// Package is a package that was written.
type Package struct {
	Path   string
	Size   int64 // in bytes
	SHA256 digest.SHA256
}

// Debs builds a project and writes its packages: the project's own, and that of a
// runtime that projects share.
func Debs(ctx context.Context, p *project.Project, opts DebOptions) ([]Package, error) {
	version, err := p.Version(ctx, opts.Version)
	if err != nil {
		return nil, err
	}
	settings, err := readSettings(ctx, p)
	if err != nil {
		return nil, err
	}
	full, err := packageVersion(p, version, p.Spec.Package.Revision)
	if err != nil {
		return nil, err
	}
	var building project.BuildOptions
	if !opts.Nfpm {
		building.Follow = followBuild(p, settings, full)
	}
	b, err := p.Build(ctx, building)
	if err != nil {
		return nil, err
	}
	outputs, err := readOutputs(ctx, p, b)
	if err != nil {
		return nil, err
	}
	layout, err := layoutFor(p, b, outputs, p.Spec.Package.Prefix, full)
	if err != nil {
		return nil, err
	}
	t, err := makeTree(ctx, p, b, outputs, layout, version)
	if err != nil {
		return nil, err
	}
	requests, err := debRequests(ctx, p, t, settings, full)
	if err != nil {
		return nil, err
	}
	var made []Package
	for _, req := range requests {
		req.Nfpm = opts.Nfpm
		m, err := writeDeb(ctx, p, req, opts.Dir)
		if err != nil {
			return nil, err
		}
		made = append(made, m)
	}
	return made, nil
}

// readSettings reads the spec's keys of nfpm, and finds what is wrong with the
// spec and the application's files before anything is built.
func readSettings(ctx context.Context, p *project.Project) (*deb.Settings, error) {
	settings, err := deb.ReadSettings(p.Spec.File, p.Spec.Dir, p.Spec.Package.Nfpm)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(p.CheckServices(), checkAppFiles(p.Spec)); err != nil {
		return nil, err
	}
	if len(p.Spec.Services) > 0 || p.Spec.Package.Releases > 0 {
		if err := settings.CheckShell(); err != nil {
			return nil, err
		}
	}
	return settings, settings.CheckCompressor(ctx, xzProgram(p))
}

// layoutFor is where a package made of the outputs stands if its prefix is that.
// version is the package's whole version.
func layoutFor(p *project.Project, b project.Built, outputs []Output, prefix, version string) (Layout, error) {
	shared, err := newRuntimePackage(p, b)
	if err != nil {
		return Layout{}, err
	}
	view := p.Layout(b)
	in := layoutInput{
		spec: p.Spec, dirs: view.Directories, prefix: prefix, version: version,
		bundleID: hashBundle(outputs, view, shared), shared: shared,
	}
	for _, l := range p.Languages().Shipped(p.Spec) {
		if interpreted, ok := l.(lang.Interpreter); ok && in.interpreter == "" {
			in.interpreter = interpreted.Interpreter()
		}
	}
	return newPackageLayout(in), nil
}

// makeTree relocates the outputs to the layout's prefixes and lays the tree out.
// version is the application's.
func makeTree(ctx context.Context, p *project.Project, b project.Built, outputs []Output, l Layout, version string) (*Tree, error) {
	date, err := p.SourceDate(b.Lock)
	if err != nil {
		return nil, err
	}
	view, err := p.PackageView(ctx, b, l.Prefixes)
	if err != nil {
		return nil, err
	}
	manifest, err := newManifest(ctx, p, b, version)
	if err != nil {
		return nil, err
	}
	parts, err := Parts(p, b)
	if err != nil {
		return nil, err
	}
	return NewTree(TreeInput{
		Spec: p.Spec, Layout: l, Outputs: outputs, View: view.Entries(),
		Date: date, DependenciesDate: dateDependencies(date, b.Lock),
		Pinned: p.PinnedVars(b, l.Prefixes, l.Base), Manifest: manifest, Parts: parts, Master: findMaster(p),
	})
}

// findMaster returns the hot deployer of the first language that has one, or nil.
func findMaster(p *project.Project) *service.Master {
	for _, l := range p.Languages().Shipped(p.Spec) {
		if d, ok := l.(lang.HotDeployer); ok {
			m := service.Master(d.HotDeployer())
			return &m
		}
	}
	return nil
}

// debRequests are the packages to write. version is that of the project's.
func debRequests(ctx context.Context, p *project.Project, t *Tree, settings *deb.Settings, version string) ([]deb.Request, error) {
	own, err := debRequest(ctx, p, t, settings, version)
	if err != nil || t.layout.shared == nil {
		return []deb.Request{own}, err
	}
	own.Triggers.Interest = []string{t.layout.shared.trigger()}
	runtime, err := runtimeRequest(ctx, p, t)
	return []deb.Request{own, runtime}, err
}

// debRequest is the project's package.
func debRequest(ctx context.Context, p *project.Project, t *Tree, settings *deb.Settings, version string) (deb.Request, error) {
	req := deb.Request{
		Entries: t.layout.dpkgEntries(t.project), Scripts: t.scripts, Settings: settings, SourceDate: t.date,
	}
	if err := settings.CheckSize(t.project); err != nil {
		return req, err
	}
	if err := checkHealth(ctx, p, t, settings); err != nil {
		return req, err
	}
	var err error
	if req.Meta, err = debMeta(p, t, version); err != nil {
		return req, err
	}
	parts := t.parts
	if t.layout.shared != nil {
		parts = partsOf(parts, t.layout.shared.language, false)
	}
	return req, addDocuments(&req, t, parts)
}

// debMeta is what the control file says, with the shared libraries of the content
// among the dependencies.
func debMeta(p *project.Project, t *Tree, version string) (deb.Meta, error) {
	spec := p.Spec
	m := deb.Meta{Name: spec.Name, Version: version, Maintainer: spec.Maintainer, Description: spec.Description}
	if err := addLibraries(&m, p.System(), t.project); err != nil {
		return m, err
	}
	if t.layout.shared != nil {
		m.Depends = append(m.Depends, t.layout.shared.relation())
	}
	m.Depends = append(m.Depends, t.services.Depends...)
	m.Depends = append(m.Depends, spec.Package.Depends...)
	return m, nil
}

// addLibraries completes metadata by what the compiled files among entries tell.
func addLibraries(m *deb.Meta, sys shlibs.System, entries []tree.Entry) error {
	libs, err := deb.ShlibDepends(sys, entries, nil)
	m.Arch, m.Depends = cmp.Or(libs.Arch, "all"), append(m.Depends, libs.Relations()...)
	return err
}

// xzProgram is the path of the system's xz, or empty where it isn't installed.
func xzProgram(p *project.Project) string {
	path, err := p.System().Tool("xz")
	if err != nil {
		return "" // what compresses with it says so
	}
	return path
}

// writeDeb writes the package; until it is whole nothing has its name.
func writeDeb(ctx context.Context, p *project.Project, req deb.Request, dir string) (made Package, err error) {
	req.Cache, req.Parallel, req.XZ = p.Store, p.Jobs(), xzProgram(p)
	scratch, remove, err := p.Store.TempDir("deb")
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	req.Scratch = scratch
	return writeFile(ctx, p, filepath.Join(dir, deb.FileName(req.Meta)), func(w io.Writer) error {
		return deb.Write(ctx, req, w)
	})
}

// writeFile writes what is shipped to a path, and says so; until it is whole
// nothing has its name.
func writeFile(ctx context.Context, p *project.Project, path string, write func(io.Writer) error) (made Package, err error) {
	start, name := p.Now(), filepath.Base(path)
	p.Emit(build.Event{Kind: build.PackageStarted, Name: name})
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return made, err
	}
	err = atomicfile.Create(path, 0o644, func(w io.Writer) error {
		sum := digest.NewWriter(w)
		if err := write(sum); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		made = Package{Path: path, Size: sum.Size(), SHA256: sum.SHA256()}
		return nil
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return Package{}, &build.InterruptedError{Cause: context.Cause(ctx)}
	case err != nil:
		return Package{}, err
	}
	p.Emit(build.Event{Kind: build.PackageDone, Name: name, Path: path, Bytes: made.Size, Duration: p.Now().Sub(start)})
	return made, nil
}

// ServerEnvironment is the environment of a package at a prefix, and the path of
// its env.rc there. With several releases, or a runtime that is a package of its
// own, both depend on what is built.
func ServerEnvironment(ctx context.Context, p *project.Project, prefix string) (*env.Environment, string, error) {
	var (
		b       project.Built
		outputs []Output
		full    string
		err     error
	)
	if p.Spec.Package.Releases > 0 || p.Spec.SharedRuntime() != nil {
		if b, err = p.Build(ctx, project.BuildOptions{}); err != nil {
			return nil, "", err
		}
		if outputs, err = readOutputs(ctx, p, b); err != nil {
			return nil, "", err
		}
	}
	if p.Spec.Package.Releases > 0 {
		version, err := p.Version(ctx, "")
		if err != nil {
			return nil, "", err
		}
		if full, err = packageVersion(p, version, p.Spec.Package.Revision); err != nil {
			return nil, "", err
		}
	}
	l, err := layoutFor(p, b, outputs, prefix, full)
	if err != nil {
		return nil, "", err
	}
	environment, err := p.Environment(b, l.Prefixes, l.Base)
	return environment, l.RC, err
}
