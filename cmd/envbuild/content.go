package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/env/view"
)

// packageContent collects what goes into a package.
type packageContent struct {
	*session
	built   built
	version string
	layout  layout
	staging string // the folder of the relocated view
}

// entries lists the bundle, the application, and what envbuild generates.
func (c *packageContent) entries(ctx context.Context) ([]deb.Entry, error) {
	entries, err := c.viewEntries()
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
		entry := deb.Entry{Path: filepath.Join(c.layout.prefix, e.Path), Mode: e.Mode.Perm()}
		switch {
		case e.Mode.IsDir():
			entry.Type = deb.Dir
		case e.Mode&fs.ModeSymlink != 0:
			entry.Type, entry.Target, entry.Mode = deb.Link, e.Target, 0
		case e.Hardlink != "" && e.Hardlink != e.Path:
			entry.Type, entry.Target = deb.Hardlink, filepath.Join(c.layout.prefix, e.Hardlink)
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
	environment, err := c.environment(c.layout.prefix, c.layout.base)
	if err != nil {
		return nil, err
	}
	rc, err := environment.RC(c.layout.rc)
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
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return deb.Meta{}, err
	}
	m := deb.Meta{
		Name:        c.spec.Name,
		Version:     deb.Version(c.version, c.spec.Package.Revision, deb.Codename(release)),
		Maintainer:  c.spec.Maintainer,
		Description: c.spec.Description,
	}
	var files []shlibs.ELF
	for _, e := range entries {
		if e.Source != "" {
			files = append(files, shlibs.ELF{Path: e.Path, Source: e.Source, Links: linksTo(entries, e.Path)})
		}
	}
	if m.Arch, err = shlibs.Arch(files); err != nil {
		return m, err
	}
	needed, err := shlibs.Depends("/", files, nil)
	if err != nil {
		return m, err
	}
	for _, d := range needed {
		m.Depends = append(m.Depends, d.Relation)
	}
	m.Depends = append(m.Depends, c.spec.Package.Depends...)
	return m, nil
}

// linksTo returns the symbolic links that lead to a shared library: a program
// may load it by the name of one of them.
func linksTo(entries []deb.Entry, path string) []string {
	if !strings.Contains(filepath.Base(path), ".so") {
		return nil
	}
	var links []string
	for _, e := range entries {
		if e.Type != deb.Link {
			continue
		}
		target := e.Target
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(e.Path), target)
		}
		if target == path {
			links = append(links, e.Path)
		}
	}
	return links
}
