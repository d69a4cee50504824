package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"path/filepath"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/templates"
)

// releaseEntries are what a package with several releases has more: the link to
// the bundle, the check of the release, the command, and its manual page.
func (c *packageContent) releaseEntries() ([]deb.Entry, error) {
	r := c.layout.release
	if r == nil {
		return nil, nil
	}
	command, err := r.Script(c.reload())
	if err != nil {
		return nil, err
	}
	check, err := r.Check()
	if err != nil {
		return nil, err
	}
	manual, err := r.Manual(c.date)
	if err != nil {
		return nil, err
	}
	page, err := compressed(manual)
	at, target := r.BundleLink()
	return []deb.Entry{
		{Path: at, Type: deb.Link, Target: target},
		{Path: r.CheckPath(), Content: check, Mode: 0o755},
		{Path: r.CommandPath(), Content: command, Mode: 0o755},
		{Path: r.ManualPath(), Content: page, Mode: 0o644},
	}, err
}

// reload is the part of a shell script that makes the services run what is
// current.
func (c *packageContent) reload() string {
	if len(c.spec.Services) == 0 {
		return ""
	}
	return filepath.Join(c.layout.prefix, "services.sh") + " deploy"
}

// scripts are the maintainer scripts: what the services need, the switch to the
// release, what the services do then, and old releases go.
func (c *packageContent) scripts() (deb.Scripts, error) {
	var parts release.Parts
	if r := c.layout.release; r != nil {
		var err error
		if parts, err = r.Parts(); err != nil {
			return deb.Scripts{}, err
		}
	}
	svc := c.services.Scripts
	triggered, err := c.triggered()
	return deb.Scripts{
		PreInst:  svc.PreInst + parts.Aside,
		PostInst: svc.Prepare + parts.Place + svc.Activate + triggered + parts.Collect,
		PreRm:    svc.PreRm + parts.Withdraw,
		PostRm:   svc.PostRm + parts.Undo,
	}, err
}

// triggered is what the postinst does when the package of the runtime has changed.
func (c *packageContent) triggered() (string, error) {
	reload := c.reload()
	if c.layout.shared == nil || reload == "" {
		return "", nil
	}
	text, err := templates.Render(templates.RuntimeTriggered, struct{ Package, Reload string }{c.spec.Name, reload})
	return string(text), err
}

// compressed is what gzip -9n makes of a text, as policy 12.1 asks of manual
// pages.
func compressed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = z.Write(text)
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}
