package deploy

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// Parts are what a lock pins for what is shipped, by the names of catalogues. The
// authors of distributions are known where there are outputs.
func Parts(p *project.Project, b project.Built) ([]report.Part, error) {
	var parts []report.Part
	for _, l := range p.Languages().Shipped(p.Spec) {
		list, err := partsOfLanguage(l, b)
		if err != nil {
			return nil, err
		}
		parts = append(parts, list...)
	}
	return parts, nil
}

// partsOfLanguage are the runtime and the distributions of a language. One that
// doesn't know what catalogues call them has no names for them but its own.
func partsOfLanguage(l lang.Language, b project.Built) ([]report.Part, error) {
	identifier, _ := l.(lang.Identifier)
	pins := b.Lock.Language(l.Name())
	var id lang.Identity
	if identifier != nil {
		id = identifier.RuntimeIdentity(pins.Runtime)
	}
	runtime := newPart(l.Name(), l.Name(), l.Name(), pins.Runtime.Version, pins.Runtime.Source(), id)
	runtime.Runtime, runtime.Authors = true, id.Authors
	parts := []report.Part{runtime}
	for _, pin := range pins.Distributions {
		var notice lang.Notice
		id = lang.Identity{License: pin.License}
		if identifier != nil {
			id = identifier.DistributionIdentity(pin)
			var err error
			if dir := outputDir(b, l.Name(), pin); dir != "" {
				if notice, err = identifier.Notice(pin, dir); err != nil {
					return nil, err
				}
			}
		}
		part := newPart(l.Name(), pin.ID, pin.Name, pin.Version, pin.Source(), id)
		part.Requires, part.Authors, part.Terms = pin.Requires, notice.Authors, notice.Terms
		parts = append(parts, part)
	}
	return parts, nil
}

func newPart(language, id, name, version string, source pkgspec.SourcePin, names lang.Identity) report.Part {
	return report.Part{
		Language: language, ID: id, Name: name, Version: version,
		PURL: names.PURL, CPE: names.CPE, License: names.License,
		Source: source.Path, SHA256: source.SHA256.String(),
	}
}

// findOutput returns the output of a pin's step, or of the runtime's where pin is
// nil; nil if there is none.
func findOutput(b project.Built, language string, pin *pkgspec.Pin) *build.StepOutput {
	for i := range b.Outputs {
		s := b.Outputs[i].Step
		switch {
		case s.Language != language:
		case pin == nil && s.Kind == plan.Runtime,
			pin != nil && s.Kind == plan.Distribution && s.Name == pin.Name && s.Version == pin.Version:
			return &b.Outputs[i]
		}
	}
	return nil
}

// outputDir is the directory with the output of a distribution's step, or empty.
func outputDir(b project.Built, language string, pin pkgspec.Pin) string {
	if o := findOutput(b, language, &pin); o != nil {
		return o.Tree
	}
	return ""
}

// partsOf returns the runtime of a language among the parts, or all others.
func partsOf(parts []report.Part, language string, runtime bool) []report.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p report.Part) bool {
		return (p.Runtime && p.Language == language) != runtime
	})
}

// addDocuments adds what tells which parts are in the package and whose they are.
func addDocuments(req *deb.Request, t *Tree, parts []report.Part) error {
	for _, p := range parts {
		req.Meta.Components = append(req.Meta.Components, deb.Component{
			Name: p.Name, Version: p.Version, Source: p.Source,
			License: p.License, Authors: p.Authors, Terms: p.Terms, Files: t.files[partKey(p.Language, p.Name, p.Version)],
		})
	}
	sbom, err := newSBOM(req.Meta, parts, req.SourceDate)
	req.Entries = append(req.Entries, sbom)
	return err
}

// newManifest says what the package is made of and from what it was made. The
// commit is in it where the spec takes the version from git.
func newManifest(ctx context.Context, p *project.Project, b project.Built, version string) ([]byte, error) {
	m := report.NewManifest(p.Spec.Name, version, b.Lock.Digest())
	for _, l := range p.Languages().Shipped(p.Spec) {
		m.Add(b.Lock.Language(l.Name()), func(pin *pkgspec.Pin) string {
			if o := findOutput(b, l.Name(), pin); o != nil {
				return o.ID.String()
			}
			return ""
		})
	}
	text, err := os.ReadFile(filepath.Join(p.Spec.Dir, pkgspec.SpecName))
	if err != nil {
		return nil, err
	}
	m.Spec = digest.Sum(text).String()
	if p.Spec.Version.Git != "" {
		if m.Commit, err = p.Git(ctx, "rev-parse", "HEAD"); err != nil {
			return nil, err
		}
	}
	return m.Encode()
}
