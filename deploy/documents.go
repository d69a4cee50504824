package deploy

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// Parts are what a lock pins, by the names of catalogues. The authors of
// distributions are known where there are outputs.
func Parts(p *project.Project, b project.Built) ([]report.Part, error) {
	identifier, ok := p.Language().(lang.Identifier)
	if !ok {
		return nil, nil
	}
	runtime := b.Lock.Runtime
	id := identifier.RuntimeIdentity(runtime)
	parts := []report.Part{newPart(runtime.Language, runtime.Version, runtime.Source, id)}
	parts[0].Runtime, parts[0].Authors = true, id.Authors
	for _, pin := range b.Lock.Distributions {
		part := newPart(pin.Name, pin.Version, pin.Source, identifier.DistributionIdentity(pin))
		part.Requires = pin.Requires
		if dir := outputDir(b, pin.Name); dir != "" {
			notice, err := identifier.Notice(pin, dir)
			if err != nil {
				return nil, err
			}
			part.Authors, part.Terms = notice.Authors, notice.Terms
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func newPart(name, version string, source pkgspec.SourcePin, id lang.Identity) report.Part {
	return report.Part{
		Name: name, Version: version, PURL: id.PURL, CPE: id.CPE, License: id.License,
		Source: source.Path, SHA256: source.SHA256.String(),
	}
}

// outputDir is the directory with the output of a distribution's step, or empty.
func outputDir(b project.Built, name string) string {
	for _, o := range b.Outputs {
		if o.Step.Name == name && o.Step.Kind == plan.Distribution {
			return o.Tree
		}
	}
	return ""
}

// partsOf returns the runtime among the parts, or all others.
func partsOf(parts []report.Part, runtime bool) []report.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p report.Part) bool { return p.Runtime != runtime })
}

// SBOMPath is the path of a package's bill of materials on a server, where
// scanners of installed software find it by its ending.
func SBOMPath(pkg string) string { return path.Join("/usr/share/doc", pkg, pkg+".cdx.json") }

// SBOM is the bill of materials of what a package of the lock would be made of.
// Nothing is built for it.
func SBOM(ctx context.Context, p *project.Project, lock *pkgspec.Lock) ([]byte, error) {
	subject := report.Subject{Name: p.Spec.Name, Supplier: p.Spec.Maintainer}
	var err error
	if p.Spec.Version != (pkgspec.Version{}) {
		if subject.Version, err = p.Version(ctx, ""); err != nil {
			return nil, err
		}
	}
	if subject.Date, err = p.SourceDate(lock); err != nil {
		return nil, err
	}
	if subject.Parts, err = Parts(p, project.Built{Lock: lock}); err != nil {
		return nil, err
	}
	return report.SBOM(subject)
}

// newSBOM is the bill of materials of a package that holds the parts.
func newSBOM(m deb.Meta, parts []report.Part, date time.Time) (tree.Entry, error) {
	data, err := report.SBOM(report.Subject{
		Name: m.Name, Version: m.Version, Supplier: m.Maintainer, Date: date, Parts: parts,
	})
	return tree.Entry{Path: SBOMPath(m.Name), Content: data}, err
}

// addDocuments adds what tells which parts are in the package and whose they are.
func addDocuments(req *deb.Request, t *Tree, parts []report.Part) error {
	for _, p := range parts {
		req.Meta.Components = append(req.Meta.Components, deb.Component{
			Name: p.Name, Version: p.Version, Source: p.Source,
			License: p.License, Authors: p.Authors, Terms: p.Terms, Files: t.files[p.Name],
		})
	}
	sbom, err := newSBOM(req.Meta, parts, req.SourceDate)
	req.Entries = append(req.Entries, sbom)
	return err
}

// newManifest says what the package is made of and from what it was made. The
// commit is in it where the spec takes the version from git.
func newManifest(ctx context.Context, p *project.Project, b project.Built, version string) ([]byte, error) {
	m := report.NewManifest(p.Spec.Name, version, b.Lock, func(step string) string {
		for _, o := range b.Outputs {
			if o.Step.Name == step || o.Step.Kind == plan.Runtime && step == b.Lock.Runtime.Language {
				return o.ID.String()
			}
		}
		return ""
	})
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
