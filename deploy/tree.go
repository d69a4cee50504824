package deploy

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/service"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
)

// TreeInput is all that decides a tree. NewTree reads the application's files
// besides, and nothing else.
type TreeInput struct {
	Spec   *pkgspec.Spec
	Layout Layout
	// Outputs are those of all steps, dependencies before dependents.
	Outputs []Output
	// View lists the outputs' view with the layout's prefixes.
	View []tree.Entry
	// Date is that of the package, DependenciesDate that of the dependencies in it.
	Date, DependenciesDate time.Time
	// Pinned are the variables that the spec can't replace.
	Pinned []env.Var
	// Manifest is the text of the manifest.
	Manifest []byte
	// Master keeps the sockets of hot services open; it may be nil.
	Master *service.Master
	// Parts are what the lock pins.
	Parts []report.Part
}

// Tree is what stands on a server: the dependencies, the application, and what
// envbuild generates. It is made in one pass and never changes.
type Tree struct {
	layout                 Layout
	date, dependenciesDate time.Time
	project, runtime       []tree.Entry
	services               service.Files
	scripts                deb.Scripts
	parts                  []report.Part
	files                  map[string][]string
	environment            *env.Environment
	builds                 []string // the prefixes that steps were built at
}

// NewTree lays everything out.
func NewTree(in TreeInput) (*Tree, error) {
	t := &Tree{layout: in.Layout, date: in.Date, dependenciesDate: in.DependenciesDate, parts: in.Parts}
	t.addView(in)
	for _, o := range in.Outputs {
		if !slices.Contains(t.builds, o.Step.Prefix) {
			t.builds = append(t.builds, o.Step.Prefix)
		}
	}
	for _, add := range []func(TreeInput) error{t.addApp, t.addServices, t.addRelease, t.addGenerated} {
		if err := add(in); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Project returns the entries of the project's package, at their paths on the
// server.
func (t *Tree) Project() []tree.Entry { return slices.Clone(t.project) }

// Runtime returns those of a runtime that is a package of its own; nil if the
// project's package holds it.
func (t *Tree) Runtime() []tree.Entry { return slices.Clone(t.runtime) }

// addView adds the dependencies. A file of several steps counts for the first.
func (t *Tree) addView(in TreeInput) {
	from := attributeView(in.Layout, in.Outputs, in.View)
	t.files = map[string][]string{}
	for i, entry := range tree.Move(in.View, in.Layout.Locate) {
		src := from[in.View[i].Path]
		entry.Time, entry.Origin = in.DependenciesDate, src.origin()
		if shared := in.Layout.shared; shared != nil && tree.Within(entry.Path, shared.prefix) {
			t.runtime = append(t.runtime, entry)
		} else {
			t.project = append(t.project, entry)
		}
		if src.step != nil && entry.Kind != tree.Dir {
			name := partKey(src.step.Language, partName(src.step), src.step.Version)
			t.files[name] = append(t.files[name], in.Layout.dpkgPath(entry.Path))
		}
	}
}

// partName is the name by which catalogues know what a step builds: a runtime is
// known by its language.
func partName(s *plan.Step) string {
	if s.Kind == plan.Runtime {
		return s.Language
	}
	return s.Name
}

// partKey tells parts of several languages, and versions of one part, from each
// other.
func partKey(language, name, version string) string { return language + " " + name + "@" + version }

// addApp adds the application's files. Of their modes only the executable bit
// counts: the rest is the checkout's umask.
func (t *Tree) addApp(in TreeInput) error {
	if in.Spec.App == nil || len(in.Spec.App.Files) == 0 {
		return nil
	}
	files, err := listAppFiles(in.Spec)
	if err != nil {
		return err
	}
	t.project = append(t.project, tree.Entry{Path: t.layout.App, Kind: tree.Dir})
	for _, f := range files {
		e := tree.Entry{Path: filepath.Join(t.layout.App, filepath.FromSlash(f.name)), Mode: 0o644}
		switch {
		case f.target != "":
			e.Kind, e.Target, e.Mode = tree.Symlink, f.target, 0
		default:
			e.Source = filepath.Join(in.Spec.Dir, filepath.FromSlash(f.name))
			if f.info.Mode()&0o111 != 0 {
				e.Mode = 0o755
			}
		}
		t.project = append(t.project, e)
	}
	return nil
}

// addServices adds what a package ships for its services, and the file in which a
// server's administrator overrides variables.
func (t *Tree) addServices(in TreeInput) error {
	if !t.layout.installed {
		return nil
	}
	request := service.Input{
		Name:        in.Spec.Name,
		Description: in.Spec.Description,
		Paths: service.Paths{
			Prefix: t.layout.Prefix, Release: t.layout.Home, Current: t.layout.Current, Base: t.layout.Base,
		},
		Services: in.Spec.Services,
		Formats:  in.Spec.ServicesFormat,
		Pinned:   in.Pinned,
		Env:      in.Spec.Env,
		Master:   in.Master,
	}
	for _, o := range in.Outputs {
		if o.Step.Kind == plan.Runtime && t.layout.Has(o.Step) {
			request.Runtime += o.ID.Short() // of several, each one counts
		}
	}
	if t.layout.shared != nil {
		request.RuntimePackage = t.layout.shared.name
	}
	files, err := service.New(request)
	if err != nil {
		return err
	}
	t.services = *files
	t.project = slices.Concat(t.project, files.Release, files.System)
	return nil
}

// addGenerated adds the environment's files and the manifest.
func (t *Tree) addGenerated(in TreeInput) error {
	var err error
	if t.environment, err = env.New(in.Pinned, in.Spec.Env); err != nil {
		return err
	}
	rc, err := t.environment.ServerRC(t.layout.RC, service.Override(in.Spec.Name))
	if err != nil {
		return err
	}
	script, err := env.Script(t.layout.RC)
	if err != nil {
		return err
	}
	t.project = append(t.project,
		tree.Entry{Path: t.layout.RC, Content: rc, Mode: 0o644},
		tree.Entry{Path: t.layout.Script, Content: script, Mode: env.ScriptPerm},
		tree.Entry{Path: t.layout.Manifest, Content: in.Manifest, Mode: 0o644},
	)
	return nil
}
