package deploy

import (
	"path/filepath"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// Layout says where things stand on a server that has the package.
type Layout struct {
	project.Prefixes
	// Prefix is the package's directory, Home that of what belongs to this version
	// alone, and Current the path by which the version in use is reached.
	Prefix, Home, Current string
	// App is the directory of the application, if the package ships it.
	App string
	// Base is PROJECT_BASE.
	Base string
	// RC, Script and Manifest are the files that envbuild generates for each version.
	RC, Script, Manifest string

	// installed says that a package's scripts put everything in place: they set
	// services up, too.
	installed bool
	release   *release.Release // nil with releases: 0, where all files are in place
	shared    *runtimePackage  // nil if this package holds the runtime
}

// newLayout is the layout of everything below one directory, whatever the spec
// says of packages.
func newLayout(app *pkgspec.App, dirs []lang.Directory, prefix string) Layout {
	l := Layout{Prefixes: project.NewPrefixes(dirs, prefix), Prefix: prefix, Home: prefix, Current: prefix}
	l.placeHome(app)
	return l
}

// layoutInput is what decides the layout of a package.
type layoutInput struct {
	spec *pkgspec.Spec
	// dirs are the directories of a view.
	dirs []lang.Directory
	// prefix is the package's; version is its whole version.
	prefix, version string
	// bundleID names the dependencies by their content.
	bundleID string
	// interpreter is the runtime's program that runs an empty script, below its build
	// prefix; empty if there is none.
	interpreter string
	// shared is nil if the package holds the runtime.
	shared *runtimePackage
}

// newPackageLayout is the layout of a package.
func newPackageLayout(in layoutInput) Layout {
	l := newLayout(in.spec.App, in.dirs, in.prefix)
	l.installed, l.shared = true, in.shared
	if keep := in.spec.Package.Releases; keep > 0 {
		l.release = &release.Release{
			Package: in.spec.Name, Prefix: in.prefix, Version: in.version, BundleID: in.bundleID, Keep: keep,
		}
		l.Prefixes = project.NewPrefixes(in.dirs, l.release.Bundle())
		l.Home, l.Current = l.release.Dir(), l.release.Current()
	}
	if l.shared != nil {
		l.Prefixes = l.With(l.shared.build, l.shared.prefix)
	}
	if l.release != nil && in.interpreter != "" {
		l.release.Interpreter = l.Relocate(in.interpreter)
	}
	l.placeHome(in.spec.App)
	return l
}

// placeHome places what lies in the home.
func (l *Layout) placeHome(app *pkgspec.App) {
	l.App = filepath.Join(l.Home, "app")
	l.RC = filepath.Join(l.Home, "env.rc")
	l.Script = filepath.Join(l.Home, "env.sh")
	l.Manifest = filepath.Join(l.Home, "manifest.json")
	l.Base = l.Home
	if app == nil {
		return
	}
	switch {
	case len(app.Files) > 0:
		l.Base = l.App
	case app.Base != "":
		l.Base = app.Base
	}
}

// bundleVersion changes when the same outputs come to stand in another way below
// their directory on a server.
const bundleVersion = "1"

// hashBundle names dependencies by nothing but their content, so that releases
// that differ in the application alone share them. Of a runtime that is a package
// of its own they hold the path and nothing else.
func hashBundle(outputs []Output, l lang.Layout, shared *runtimePackage) string {
	h := digest.NewHasher("bundle")
	h.Field("version", bundleVersion)
	if shared != nil {
		h.Field("runtime", shared.prefix)
	}
	view := project.NewPrefixes(l.Directories, "/")
	for _, o := range outputs {
		if view.Has(o.Step) && (shared == nil || o.Step.Prefix != shared.build) {
			project.HashOutput(h, o.Step, o.ID)
		}
	}
	project.HashExtra(h, l)
	return h.SHA256().Short()
}

// dpkgPath is where dpkg keeps what is at path on the server.
func (l Layout) dpkgPath(path string) string {
	if l.release == nil {
		return path
	}
	return l.release.Packaged(path)
}

// dpkgEntries moves entries from where they are on the server to where dpkg keeps
// them.
func (l Layout) dpkgEntries(entries []tree.Entry) []tree.Entry {
	return tree.Move(entries, l.dpkgPath)
}
