package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"path/filepath"

	"github.com/envbuild/envbuild/deb"
)

// releaseEntries are what a package with several releases has beside them: the
// link to the bundle, the command, and its manual page.
func (c *packageContent) releaseEntries() ([]deb.Entry, error) {
	r := c.layout.release
	if r == nil {
		return nil, nil
	}
	command, err := r.Script(c.reload())
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
	return filepath.Join(c.layout.prefix, "services.sh") + " deploy\n"
}

// scripts are the maintainer scripts: what the services need, the switch to the
// release, what the services do then, and old releases go.
func (c *packageContent) scripts() (deb.Scripts, error) {
	svc := c.services.Scripts
	out := deb.Scripts{PreInst: svc.PreInst, PreRm: svc.PreRm, PostRm: svc.PostRm}
	if c.layout.release == nil {
		out.PostInst = svc.Prepare + svc.Activate
		return out, nil
	}
	parts, err := c.layout.release.Parts()
	out.PostInst = svc.Prepare + parts.Place + svc.Activate + parts.Collect
	out.PreRm += parts.Withdraw
	out.PostRm += parts.Purge
	return out, err
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
