package main

import (
	"path/filepath"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// layout says where things stand on a server that has the package.
type layout struct {
	places
	prefix   string // the package's folder
	home     string // of what belongs to this version alone
	current  string // how the version in use is reached
	app      string // the application, if the package ships it
	base     string // PROJECT_BASE
	rc       string
	script   string
	manifest string
	// release is nil with releases: 0, where all files are in place.
	release *release.Release
	// shared is the package of the runtime, nil if this one holds the runtime.
	shared *runtimePackage
}

// newLayout is where a package made of b stands if its prefix is that. version is
// the package's whole version.
func (s *session) newLayout(b built, prefix, version string) (layout, error) {
	l := layout{places: below(prefix), prefix: prefix, home: prefix, current: prefix}
	var err error
	if l.shared, err = s.newRuntimePackage(b); err != nil {
		return l, err
	}
	if keep := s.spec.Package.Releases; keep > 0 {
		l.release = &release.Release{
			Package: s.spec.Name, Prefix: prefix, Version: version, BundleID: bundleID(b, l.shared), Keep: keep,
		}
		l.places = below(l.release.Bundle())
		l.home, l.current = l.release.Dir(), l.release.Current()
	}
	if l.shared != nil {
		l.runtime = l.shared.prefix
	}
	if interpreted, ok := s.language.(lang.Interpreter); ok && l.release != nil {
		l.release.Interpreter = l.relocate(interpreted.Interpreter())
	}
	l.complete(s.spec.App)
	return l, nil
}

// inPlace is the layout of everything below one folder, whatever the spec says of
// packages.
func inPlace(app *pkgspec.App, prefix string) layout {
	l := layout{places: below(prefix), prefix: prefix, home: prefix, current: prefix}
	l.complete(app)
	return l
}

// complete adds what lies in the home.
func (l *layout) complete(app *pkgspec.App) {
	l.app = filepath.Join(l.home, "app")
	l.rc = filepath.Join(l.home, "env.rc")
	l.script = filepath.Join(l.home, "env.sh")
	l.manifest = filepath.Join(l.home, "manifest.json")
	l.base = l.home
	if app != nil {
		switch {
		case len(app.Files) > 0:
			l.base = l.app
		case app.Base != "":
			l.base = app.Base
		}
	}
}

// bundleVersion changes when the same outputs come to stand in another way below
// their folder on a server.
const bundleVersion = "1"

// bundleID names dependencies by nothing but their content, so that releases that
// differ in the application alone share them. Of a runtime that is a package of
// its own they hold the path and nothing else.
func bundleID(b built, shared *runtimePackage) string {
	h := digest.NewHasher("bundle")
	h.Field("version", bundleVersion)
	if shared != nil {
		h.Field("runtime", shared.prefix)
	}
	for _, o := range b.outputs {
		if shared != nil && o.Step.Kind == plan.Runtime {
			continue
		}
		h.Field(string(o.Step.Kind), o.Step.Name, o.ID.String())
	}
	return h.SHA256().Short()
}

// packaged moves entries from where they are on the server to where dpkg keeps
// them.
func (l layout) packaged(entries []deb.Entry) []deb.Entry {
	out := make([]deb.Entry, len(entries))
	for i, e := range entries {
		e.Path = l.packagedPath(e.Path)
		if e.Type == deb.Hardlink {
			e.Target = l.packagedPath(e.Target)
		}
		out[i] = e
	}
	return out
}

// packagedPath is where dpkg keeps what is at path on the server.
func (l layout) packagedPath(path string) string {
	if l.release == nil {
		return path
	}
	return l.release.Packaged(path)
}
