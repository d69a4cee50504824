package perl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// CheckOutput verifies what a distribution's step has installed: that it is
// something, and that each requirement which configuring brought to light is met
// by what the step saw. MakeMaker and Module::Build only warn of a missing one
// and may build something else instead (XML::LibXML without SAX). Errors are
// *NothingInstalledError and *MissingRequirementsError.
func (*Perl) CheckOutput(_ context.Context, req lang.CheckRequest) error {
	if req.Step.Kind != plan.Distribution {
		return nil
	}
	if err := checkInstalled(os.DirFS(req.Tree), req.Step.Name); err != nil {
		return err
	}
	found, err := readMyMeta(req.Tree, recordName(req))
	if err != nil {
		return fmt.Errorf("read what %s requires: %w", req.Step.Name, err)
	}
	runtime, err := newRuntimeModules(os.DirFS(req.RuntimeTree), req.Lock.Language(language).Runtime.Version)
	if err != nil {
		return fmt.Errorf("look into the runtime of %s: %w", req.Step.Name, err)
	}
	c := checker{req: req, own: found.Provides, runtime: runtime}
	return c.requirements(found)
}

// NothingInstalledError says that a build succeeded and installed nothing.
type NothingInstalledError struct{ Distribution string }

func (e *NothingInstalledError) Error() string {
	return e.Distribution + " was built without an error, but installed nothing"
}

// Hint says where to look.
func (e *NothingInstalledError) Hint() string {
	return "see its log (envbuild log " + e.Distribution + "): it probably decided that it can't be installed here"
}

// recordDir is the directory, among the modules, with cpanm's records.
const recordDir = ".meta"

func checkInstalled(tree fs.FS, name string) error {
	found := false
	err := fs.WalkDir(tree, ".", func(_ string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == recordDir:
			return fs.SkipDir
		case !d.IsDir():
			found = true
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || found {
		return err
	}
	return &NothingInstalledError{Distribution: name}
}

// myMeta is what configuring made of a distribution's metadata.
type myMeta struct {
	meta
	// ModuleInstall says that Module::Install wrote them.
	ModuleInstall bool
}

// recordName is the directory of the distribution's own record.
func recordName(req lang.CheckRequest) string {
	pins := req.Lock.Language(language).Distributions
	for i := range pins {
		if pin := &pins[i]; pin.Name == req.Step.Name {
			return distvname(pin)
		}
	}
	return req.Step.Name + "-" + req.Step.Version
}

// maxMyMeta is the most that is read of a MYMETA.json, in bytes. The largest on
// CPAN has some 100 kB.
const maxMyMeta = 8 << 20

// readMyMeta reads the MYMETA.json that the recipe left; without one, as old
// tools leave none, nothing is required. The tree is what the step made of it: it
// may hold pipes, and symlinks that lead out of it.
func readMyMeta(tree, distvname string) (m myMeta, err error) {
	const name = "MYMETA.json"
	root, err := os.OpenRoot(tree)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	dirs, err := fs.Glob(root.FS(), "lib/perl5/*/"+recordDir)
	if err != nil {
		return m, err
	}
	for _, dir := range dirs {
		file := path.Join(dir, distvname, name)
		fi, err := root.Lstat(file)
		if err != nil || !fi.Mode().IsRegular() {
			continue
		}
		if fi.Size() > maxMyMeta {
			return m, fmt.Errorf("%s has %d bytes", name, fi.Size())
		}
		data, err := root.ReadFile(file)
		if err != nil {
			return m, err
		}
		if m.meta, err = parseMetaJSON(data); err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
		m.ModuleInstall = strings.Contains(string(data), "Module::Install version")
		return m, nil
	}
	return m, nil
}

// MissingRequirement is a requirement that nothing meets.
type MissingRequirement struct {
	// Module and Range say what is required: "XML::SAX", ">= 0.12, < 2".
	Module, Range string
	// Phase is "configure", "build" or "runtime".
	Phase string
	// Found says what there is instead, or is empty.
	Found string
	// Provider is the distribution of the lock that would do, or empty.
	Provider string
}

// MissingRequirementsError says that a distribution requires what its step didn't see.
type MissingRequirementsError struct {
	Distribution string
	Missing      []MissingRequirement
}

func (e *MissingRequirementsError) Error() string {
	var parts []string
	for _, m := range e.Missing {
		part := m.Module
		if m.Range != "0" {
			part += " " + m.Range
		}
		part += " (" + m.Phase
		if m.Found != "" {
			part += "; there is " + m.Found
		}
		parts = append(parts, part+")")
	}
	return e.Distribution + " requires what was not there when it was built: " + strings.Join(parts, ", ")
}

// Hint says what to add to the spec or the cpanfile.
func (e *MissingRequirementsError) Hint() string {
	var needs, requires []string
	for _, m := range e.Missing {
		needs = append(needs, m.Module)
		if m.Provider == "" {
			requires = append(requires, m.Module)
		}
	}
	if len(requires) == 0 {
		return needsHint(e.Distribution, needs)
	}
	return requiresHint(e.Distribution, requires)
}

// needsHint tells how to declare what a distribution forgot to.
func needsHint(distribution string, modules []string) string {
	return fmt.Sprintf("the lock has what it needs; under dependencies.cpan.build in %s add\n    %s: {needs: [%s]}\nand run: envbuild lock",
		pkgspec.SpecName, distribution, strings.Join(modules, ", "))
}

// requiresHint tells how to bring into the lock what isn't in it.
func requiresHint(distribution string, modules []string) string {
	return fmt.Sprintf("nothing in the lock provides %s; under dependencies.cpan.build in %s add\n    %s: {needs: [%s]}\nand run: envbuild lock, which looks for it in the mirrors",
		strings.Join(modules, " and "), pkgspec.SpecName, distribution, strings.Join(modules, ", "))
}

type checker struct {
	req     lang.CheckRequest
	own     []pkgspec.Module
	runtime runtimeModules
}

func (c *checker) requirements(found myMeta) error {
	e := &MissingRequirementsError{Distribution: c.req.Step.Name}
	seen := c.visible()
	for _, phase := range []struct {
		name     string
		requires metaRequires
	}{{"configure", found.Configure}, {"build", found.Build}, {"runtime", found.Runtime}} {
		for _, module := range phase.requires.names() {
			// Module::Install writes the newest MakeMaker of its author's machine into
			// the requirements, and works with any.
			if found.ModuleInstall && module == "ExtUtils::MakeMaker" {
				continue
			}
			r := requirement{module: module, rng: looseRange(phase.requires[module])}
			ok, there, err := c.met(r, seen)
			if err != nil {
				return err
			}
			if !ok {
				e.Missing = append(e.Missing, MissingRequirement{
					Module: module, Range: r.rng.String(), Phase: phase.name,
					Found: there, Provider: c.provider(r),
				})
			}
		}
	}
	if len(e.Missing) == 0 {
		return nil
	}
	return e
}

// visible lists the modules of the distribution itself and of its closure.
func (c *checker) visible() map[string][]version {
	in := map[string]bool{c.req.Step.Name: true}
	for _, s := range c.req.Closure {
		in[s.Name] = true
	}
	seen := map[string][]version{}
	add := func(modules []pkgspec.Module) {
		for _, m := range modules {
			seen[m.Name] = append(seen[m.Name], looseVersion(m.Version))
		}
	}
	add(c.own)
	for _, pin := range c.req.Lock.Language(language).Distributions {
		if in[pin.Name] {
			add(pin.Provides)
		}
	}
	return seen
}

// met reports whether a requirement is met, and if it isn't, what there is. A
// module of the closure hides the runtime's.
func (c *checker) met(r requirement, seen map[string][]version) (ok bool, there string, err error) {
	switch {
	case r.module == "perl":
		return r.rng.allows(looseVersion(c.runtime.version)), "perl " + c.runtime.version, nil
	case !isModuleName(r.module):
		return true, "", nil // no name that anything could be loaded by
	}
	versions, inClosure := seen[r.module]
	if !inClosure {
		return c.runtime.meets(r)
	}
	if slices.ContainsFunc(versions, r.rng.allows) {
		return true, "", nil
	}
	return false, r.module + " " + versions[0].String(), nil
}

// provider returns the distribution of the lock that meets the requirement.
func (c *checker) provider(r requirement) string {
	for _, pin := range c.req.Lock.Language(language).Distributions {
		for _, m := range pin.Provides {
			if m.Name == r.module && r.rng.allows(looseVersion(m.Version)) {
				return pin.Name
			}
		}
	}
	return ""
}
