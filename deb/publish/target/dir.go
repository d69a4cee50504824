package target

import (
	"context"

	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/pkgspec"
)

// dirKind is a repository in a local directory.
func dirKind() kind {
	return kind{name: pkgspec.DirTarget("").Kind(), local: true, place: func(_ context.Context, o *opening) (place, error) {
		r := managed.Local(o.inProject(string(o.Where.(pkgspec.DirTarget))), o.Options.Options)
		return place{storage: r.Storage, root: r.Root, url: r.URL}, nil
	}}
}
