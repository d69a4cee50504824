package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

// runtimePackage is a runtime that is a package of its own, which projects share.
// Its name says which compiled distributions fit it, so that an upgrade always
// fits, and its bytes depend on the runtime section of the spec alone.
type runtimePackage struct {
	name     string
	version  string // the package's whole version
	prefix   string
	language string
	release  string // of the language
	tree     string // its output
}

// newRuntimePackage describes the package of the runtime among the outputs; nil if
// the project's package holds the runtime.
func (s *session) newRuntimePackage(b built) (*runtimePackage, error) {
	if s.spec.Runtime.As != pkgspec.AsPackage {
		return nil, nil
	}
	packager, ok := s.language.(lang.RuntimePackager)
	if !ok {
		return nil, s.spec.ErrorAt(fmt.Sprintf("the runtime of %s can't be a package of its own", s.language.Name()), "write as: bundled", "runtime", "as")
	}
	p := &runtimePackage{language: b.lock.Runtime.Language, release: b.lock.Runtime.Version, prefix: s.spec.Runtime.Prefix}
	for _, o := range b.outputs {
		if o.Step.Kind == plan.Runtime {
			p.tree = o.Tree
		}
	}
	abi, err := packager.RuntimeABI(p.tree)
	if err != nil {
		return nil, err
	}
	p.name = "envbuild-" + p.language + "-" + abi.Series + "-" + abiID(abi, p.prefix)
	if p.prefix == "" {
		p.prefix = "/opt/" + p.name
	}
	system, err := os.ReadFile("/etc/os-release")
	p.version = deb.Version(p.release, s.spec.Runtime.Revision, deb.Codename(system))
	return p, err
}

// abiID names what compiled distributions rely on. A prefix that the spec chose is
// part of it: they have that path inside, so they don't fit the same runtime
// elsewhere.
func abiID(abi lang.RuntimeABI, prefix string) string {
	h := digest.NewHasher("runtime ABI")
	h.Field("settings", abi.Settings...)
	h.Field("prefix", prefix)
	return h.SHA256().Short()[:8]
}

// trigger is what the package activates when it changes, and what packages that
// use it wait for.
func (p *runtimePackage) trigger() string { return p.name }

// relation is what a package that was built with this one depends on.
func (p *runtimePackage) relation() string { return p.name + " (>= " + p.version + ")" }

// runtimeRequest is the package of the runtime.
func (c *packageContent) runtimeRequest(ctx context.Context) (deb.Request, error) {
	p := c.layout.shared
	date := c.bundleDate
	// The compression is the default, whatever the project's own package has: all
	// projects with that runtime make the same bytes.
	req := deb.Request{SourceDate: date, Triggers: deb.Triggers{Activate: []string{p.trigger()}}}
	var err error
	if req.Entries, err = c.sharedEntries(); err != nil {
		return req, err
	}
	for i := range req.Entries {
		req.Entries[i].Time = date
	}
	if err := c.checkRuntimeHealth(ctx, req.Entries); err != nil {
		return req, err
	}
	req.Meta = deb.Meta{
		Name: p.name, Version: p.version, Maintainer: c.spec.Runtime.Maintainer, Section: "interpreters",
		Description: fmt.Sprintf("%s %s for packages made by envbuild\n"+
			"Applications that were packaged with this %s depend on it. It stands in\n%s and is in no search path of the system.\n\n"+
			"The name says which compiled modules fit: a package of that name can be\nupgraded without those that depend on it.",
			p.language, p.release, p.language, p.prefix),
	}
	if err := addLibraries(&req.Meta, req.Entries); err != nil {
		return req, err
	}
	return req, c.addDocuments(&req, func(p report.Part) bool { return p.Runtime })
}

// sharedEntries are those of the view that the runtime's package has.
func (c *packageContent) sharedEntries() ([]deb.Entry, error) {
	if c.layout.shared == nil {
		return nil, nil
	}
	all, err := c.viewEntries()
	return slices.DeleteFunc(all, func(e deb.Entry) bool { return !within(e.Path, c.layout.shared.prefix) }), err
}

// projectEntries are all of the view that the runtime's package doesn't have.
func (c *packageContent) projectEntries() ([]deb.Entry, error) {
	all, err := c.viewEntries()
	if err != nil || c.layout.shared == nil {
		return all, err
	}
	return slices.DeleteFunc(all, func(e deb.Entry) bool { return within(e.Path, c.layout.shared.prefix) }), nil
}

func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
