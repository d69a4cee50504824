package main

import (
	"path"
	"slices"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

// parts are what a lock pins, by the names of catalogues. The authors of
// distributions are known where there are outputs.
func (s *session) parts(b built) ([]report.Part, error) {
	identifier, ok := s.language.(lang.Identifier)
	if !ok {
		return nil, nil
	}
	runtime := b.lock.Runtime
	id := identifier.RuntimeIdentity(runtime)
	parts := []report.Part{newPart(runtime.Language, runtime.Version, runtime.Source, id)}
	parts[0].Runtime, parts[0].Authors = true, id.Authors
	for _, pin := range b.lock.Distributions {
		p := newPart(pin.Name, pin.Version, pin.Source, identifier.DistributionIdentity(pin))
		p.Requires = pin.Requires
		if tree := b.tree(pin.Name); tree != "" {
			notice, err := identifier.Notice(pin, tree)
			if err != nil {
				return nil, err
			}
			p.Authors, p.Terms = notice.Authors, notice.Terms
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func newPart(name, version string, source pkgspec.SourcePin, id lang.Identity) report.Part {
	return report.Part{
		Name: name, Version: version, PURL: id.PURL, CPE: id.CPE, License: id.License,
		Source: source.Path, SHA256: source.SHA256.String(),
	}
}

// tree is the output of a distribution's step, or empty.
func (b built) tree(name string) string {
	for _, o := range b.outputs {
		if o.Step.Name == name && o.Step.Kind == plan.Distribution {
			return o.Tree
		}
	}
	return ""
}

// sbomPath is where scanners of installed software find it by its ending.
func sbomPath(pkg string) string { return path.Join("/usr/share/doc", pkg, pkg+".cdx.json") }

// sbomEntry is the bill of materials of a package that holds the parts.
func (s *session) sbomEntry(m deb.Meta, parts []report.Part, date time.Time) (deb.Entry, error) {
	data, err := report.SBOM(report.Subject{
		Name: m.Name, Version: m.Version, Supplier: m.Maintainer, Date: date, Parts: parts,
	})
	return deb.Entry{Path: sbomPath(m.Name), Content: data}, err
}

// addDocuments adds what tells what is in the package and whose it is. holds says
// which of the parts it holds.
func (c *packageContent) addDocuments(req *deb.Request, holds func(report.Part) bool) error {
	parts, err := c.parts(c.built)
	if err != nil {
		return err
	}
	parts = slices.DeleteFunc(parts, func(p report.Part) bool { return !holds(p) })
	if req.Meta.Components, err = c.components(parts); err != nil {
		return err
	}
	sbom, err := c.sbomEntry(req.Meta, parts, req.SourceDate)
	req.Entries = append(req.Entries, sbom)
	return err
}

// components are the parts for the copyright file, with the files of each.
func (c *packageContent) components(parts []report.Part) ([]deb.Component, error) {
	files, err := c.partFiles()
	if err != nil {
		return nil, err
	}
	var out []deb.Component
	for _, p := range parts {
		out = append(out, deb.Component{
			Name: p.Name, Version: p.Version, Source: p.Source,
			License: p.License, Authors: p.Authors, Terms: p.Terms, Files: files[p.Name],
		})
	}
	return out, nil
}

// partFiles lists the paths in the package of what each step installed. A file of
// several steps counts for the first.
func (c *packageContent) partFiles() (map[string][]string, error) {
	out, taken := map[string][]string{}, map[string]bool{}
	for _, o := range c.built.outputs {
		name, folder := o.Step.Name, c.layout.bundle
		if o.Step.Kind == plan.Runtime {
			name, folder = c.built.lock.Runtime.Language, c.layout.runtime
		}
		entries, err := view.Entries(o.Tree)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p := c.layout.packagedPath(path.Join(folder, e.Path))
			if !e.Mode.IsDir() && !taken[p] {
				taken[p] = true
				out[name] = append(out[name], p)
			}
		}
	}
	return out, nil
}
