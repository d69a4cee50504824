package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) sbomCommand() *cli.Command {
	return &cli.Command{
		Name:      "sbom",
		Usage:     "print the bill of materials of the project's lock, or of a package, as CycloneDX",
		ArgsUsage: "[DEB]",
		Action: func(c *cli.Context) error {
			switch c.NArg() {
			case 0:
				return p.with(pkgspec.UseBuild, func(ctx context.Context, _ *cli.Context, s *session) error {
					return s.lockSBOM(ctx)
				})(c)
			case 1:
				return p.packageSBOM(p.abs(c.Args().First()))
			}
			return &usageError{message: "sbom takes one package at most", hint: "without one it is about the project's lock"}
		},
	}
}

// lockSBOM prints what a package of the project would be made of. Nothing is
// built for it.
func (s *session) lockSBOM(ctx context.Context) error {
	lock, err := s.FreshLock()
	if err != nil {
		return err
	}
	if !recordsLicenses(lock) {
		s.Emit(build.Event{Kind: build.Warning, Message: "the lock was made before locks recorded licences", Hint: "run `envbuild lock` to add them"})
	}
	data, err := deploy.SBOM(ctx, s.Project, lock)
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(data)
	return err
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

// noSBOMError says that a package has no bill of materials.
type noSBOMError struct{ path string }

func (e *noSBOMError) Error() string { return e.path + " holds no bill of materials" }

// Hint says which packages have one.
func (e *noSBOMError) Hint() string { return "packages that `envbuild deb` makes hold one" }

// packageSBOM prints the one that a package ships.
func (p *program) packageSBOM(file string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// The control file comes before the content, but is handed out at the end. So
	// all candidates are kept.
	found := map[string][]byte{}
	pkg, err := reader.Reader{XZ: p.xz()}.Read(f, func(file reader.File, content io.Reader) error {
		if !report.IsSBOM(file.Path) {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(content, maxSBOM))
		found[file.Path] = data
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	data, ok := found[deploy.SBOMPath(pkg.Field("Package"))]
	if !ok {
		return &noSBOMError{path: file}
	}
	_, err = p.stdout.Write(data)
	return err
}

// maxSBOM is the most that is read of one, in bytes: a thousand parts have half a
// megabyte.
const maxSBOM = 64 << 20
