package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// sbomPath is the path of a package's bill of materials on a server, where
// scanners of installed software find it by its ending.
func sbomPath(pkg string) string { return path.Join("/usr/share/doc", pkg, pkg+".cdx.json") }

// SBOM is the bill of materials of what a package of the lock would be made of.
// Nothing is built for it.
func SBOM(ctx context.Context, p *project.Project) ([]byte, error) {
	lock, err := p.FreshLock()
	if err != nil {
		return nil, err
	}
	if !recordsLicenses(lock) {
		p.Emit(build.Event{Kind: build.Warning, Message: "the lock was made before locks recorded licences", Hint: "run `envbuild lock` to add them"})
	}
	subject := report.Subject{Name: p.Spec.Name, Supplier: p.Spec.Maintainer}
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

// recordsLicenses reports whether a distribution of the lock has a licence, if there
// are any.
func recordsLicenses(lock *pkgspec.Lock) bool {
	records := true
	for _, ll := range lock.Languages {
		for _, pin := range ll.Distributions {
			if pin.License != "" {
				return true
			}
			records = false
		}
	}
	return records
}

// newSBOM is the bill of materials of a package that holds the parts.
func newSBOM(m deb.Meta, parts []report.Part, date time.Time) (tree.Entry, error) {
	data, err := report.SBOM(report.Subject{
		Name: m.Name, Version: m.Version, Supplier: m.Maintainer, Date: date, Parts: parts,
	})
	return tree.Entry{Path: sbomPath(m.Name), Content: data}, err
}

// noSBOMError says that a package has no bill of materials.
type noSBOMError struct{ path string }

func (e *noSBOMError) Error() string { return e.path + " holds no bill of materials" }

// Hint says which packages have one.
func (e *noSBOMError) Hint() string { return "packages that `envbuild deb` makes hold one" }

// ReadSBOM returns the bill of materials that a package file holds.
func ReadSBOM(file string, packages reader.Reader) (data []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// The control file comes before the content, but is handed out at the end. So
	// all candidates are kept.
	found := map[string][]byte{}
	pkg, err := packages.Read(f, func(file reader.File, content io.Reader) error {
		if !report.IsSBOM(file.Path) {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(content, report.MaxSBOM))
		found[file.Path] = data
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	data, ok := found[sbomPath(pkg.Field("Package"))]
	if !ok {
		return nil, &noSBOMError{path: file}
	}
	return data, nil
}
