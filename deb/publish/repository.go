package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/digest"
)

// RepositoryOptions describe a repository that envbuild manages.
type RepositoryOptions struct {
	// Name is the target's, for errors.
	Name    string
	Storage repo.Storage
	// Location is the address of a file in the storage.
	Location func(file string) string
	Place    repo.Place
	Options  repo.Options
	// Create makes the repository, or the distribution in it; nil leaves that to
	// people. Missing says to them how.
	Create  func(context.Context) (*repo.Repository, error)
	Missing string
}

type repository struct{ RepositoryOptions }

// NewRepository returns the target that adds packages to a repository.
func NewRepository(opts RepositoryOptions) Target { return &repository{opts} }

// Publish implements Target. All packages are published at once, or none.
func (t *repository) Publish(ctx context.Context, packages []Package) ([]Published, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	paths := make([]string, len(packages))
	for i, p := range packages {
		paths[i] = p.Path
		if err := unchanged(p); err != nil {
			return nil, t.failed(p.File(), err)
		}
	}
	r, err := t.open(ctx)
	if err != nil {
		return nil, t.failed("", err)
	}
	added, err := r.Add(ctx, t.Place, paths)
	if err != nil {
		return nil, t.explain(packages, err)
	}
	done := make([]Published, len(packages))
	for i, p := range packages {
		a, err := find(added, p)
		if err != nil {
			return nil, t.failed(p.File(), err)
		}
		done[i] = Published{Package: p, Location: t.Location(a.File), Already: a.Already}
	}
	return done, nil
}

// open opens the repository, or makes it.
func (t *repository) open(ctx context.Context) (*repo.Repository, error) {
	r, err := repo.Open(ctx, t.Storage, t.Options)
	var none *repo.NotFoundError
	missing := ""
	switch {
	case errors.As(err, &none):
		missing = "there is no repository at " + t.Location("")
	case err != nil:
		return nil, err
	case !has(r.Distributions(), t.Place.Distribution):
		missing = "the repository at " + t.Location("") + " has no distribution " + t.Place.Distribution
	default:
		return r, nil
	}
	if t.Create == nil {
		return nil, &missingError{missing, t.Missing}
	}
	return t.Create(ctx)
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// missingError says that there is nothing to publish to.
type missingError struct{ message, hint string }

func (e *missingError) Error() string { return e.message }

// Hint says how to make it.
func (e *missingError) Hint() string { return e.hint }

// unchanged fails if a package's file isn't what was read any more.
func unchanged(p Package) error {
	f, err := os.Open(p.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, _, err := digest.SumReader(f)
	if err == nil && sum != p.SHA256 {
		err = fmt.Errorf("%s was changed since it was read", p.Path)
	}
	return err
}

// find looks for what became of a package.
func find(added []repo.Published, p Package) (repo.Published, error) {
	for _, a := range added {
		if a.Package == p.Name && a.Version == p.Version && a.Architecture == p.Arch {
			if a.SHA256 != p.SHA256 {
				return a, fmt.Errorf("%s was changed while it was published: its SHA-256 was %s, %s is published", p.Path, p.SHA256.Short(), a.SHA256.Short())
			}
			return a, nil
		}
	}
	return repo.Published{}, errors.New("the repository doesn't say what became of it")
}

func (t *repository) failed(file string, err error) error {
	return &Error{Target: t.Name, Package: file, Err: err}
}

// explain finds the package that an error is about.
func (t *repository) explain(packages []Package, err error) error {
	var conflict *repo.ConflictError
	var bad *repo.PackageError
	for _, p := range packages {
		switch {
		case errors.As(err, &conflict) && conflict.Package == p.Name && conflict.Version == p.Version && conflict.Architecture == p.Arch:
			return t.failed(p.File(), &OtherBytesError{Location: t.Location(conflict.File), Ours: p.SHA256})
		case errors.As(err, &bad) && path.Clean(bad.Path) == path.Clean(p.Path):
			return t.failed(p.File(), err)
		}
	}
	return t.failed("", err)
}
