package main

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/service"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/env/view"
)

// packageContent collects what goes into a package.
type packageContent struct {
	*session
	built   built
	version string // the application's
	layout  layout
	staging string // the folder of the relocated view
	// date is that of the package, and bundleDate that of the dependencies in it.
	date, bundleDate time.Time
	services         service.Files
	// origins are the steps that the view's paths come from.
	origins map[string]string
}

// entries lists the bundle, the application, and what envbuild generates, where
// they are on the server.
func (c *packageContent) entries(ctx context.Context) ([]deb.Entry, error) {
	entries, err := c.projectEntries()
	if err != nil {
		return nil, err
	}
	if c.spec.App != nil && len(c.spec.App.Files) > 0 {
		app, err := c.appEntries()
		if err != nil {
			return nil, err
		}
		entries = append(entries, app...)
	}
	for _, more := range []func() ([]deb.Entry, error){c.serviceEntries, c.releaseEntries} {
		list, err := more()
		if err != nil {
			return nil, err
		}
		entries = append(entries, list...)
	}
	generated, err := c.generatedEntries(ctx)
	return append(entries, generated...), err
}

func (c *packageContent) viewEntries() ([]deb.Entry, error) {
	list, err := view.Entries(c.staging)
	if err != nil {
		return nil, err
	}
	var out []deb.Entry
	for _, e := range list {
		entry := deb.Entry{Path: c.layout.placed(e.Path), Mode: e.Mode.Perm(), Time: c.bundleDate, Origin: c.origins[e.Path]}
		switch {
		case e.Mode.IsDir():
			entry.Type = deb.Dir
		case e.Mode&fs.ModeSymlink != 0:
			entry.Type, entry.Target, entry.Mode = deb.Link, e.Target, 0
		case e.Hardlink != "" && e.Hardlink != e.Path:
			entry.Type, entry.Target = deb.Hardlink, c.layout.placed(e.Hardlink)
		default:
			entry.Source = filepath.Join(c.staging, e.Path)
		}
		out = append(out, entry)
	}
	return out, nil
}

// appEntries lists the application's files. Of their modes only the executable
// bit counts: the rest is the checkout's umask.
func (c *packageContent) appEntries() ([]deb.Entry, error) {
	files, err := appFiles(c.spec)
	if err != nil {
		return nil, err
	}
	out := []deb.Entry{{Path: c.layout.app, Type: deb.Dir}}
	for _, f := range files {
		e := deb.Entry{Path: filepath.Join(c.layout.app, filepath.FromSlash(f.name)), Mode: 0o644}
		switch {
		case f.target != "":
			e.Type, e.Target, e.Mode = deb.Link, f.target, 0
		default:
			e.Source = filepath.Join(c.spec.Dir, filepath.FromSlash(f.name))
			if f.info.Mode()&0o111 != 0 {
				e.Mode = 0o755
			}
		}
		out = append(out, e)
	}
	return out, nil
}

func (c *packageContent) generatedEntries(ctx context.Context) ([]deb.Entry, error) {
	environment, err := c.environment(c.layout.places, c.layout.base)
	if err != nil {
		return nil, err
	}
	rc, err := environment.ServerRC(c.layout.rc, service.Override(c.spec.Name))
	if err != nil {
		return nil, err
	}
	script, err := env.Script(c.layout.rc)
	if err != nil {
		return nil, err
	}
	manifest, err := c.manifest(ctx)
	return []deb.Entry{
		{Path: c.layout.rc, Content: rc, Mode: 0o644},
		{Path: c.layout.script, Content: script, Mode: env.ScriptPerm},
		{Path: c.layout.manifest, Content: manifest, Mode: 0o644},
	}, err
}

// meta is what the control file says, with the shared libraries of the content
// among the dependencies.
func (c *packageContent) meta(entries []deb.Entry) (deb.Meta, error) {
	version, err := c.packageVersion(c.version)
	if err != nil {
		return deb.Meta{}, err
	}
	m := deb.Meta{
		Name:        c.spec.Name,
		Version:     version,
		Maintainer:  c.spec.Maintainer,
		Description: c.spec.Description,
	}
	if err := addLibraries(&m, entries); err != nil {
		return m, err
	}
	if c.layout.shared != nil {
		m.Depends = append(m.Depends, c.layout.shared.relation())
	}
	m.Depends = append(m.Depends, c.services.Depends...)
	m.Depends = append(m.Depends, c.spec.Package.Depends...)
	return m, nil
}

// addLibraries completes metadata by what the compiled files among entries tell.
func addLibraries(m *deb.Meta, entries []deb.Entry) error {
	libs, err := deb.ShlibDepends("/", entries, nil)
	m.Arch, m.Depends = cmp.Or(libs.Arch, "all"), append(m.Depends, libs.Relations()...)
	return err
}

// packageVersion is the package's whole version for a version of the
// application.
func (s *session) packageVersion(version string) (string, error) {
	system, err := os.ReadFile("/etc/os-release")
	return deb.Version(version, s.spec.Package.Revision, deb.Codename(system)), err
}
