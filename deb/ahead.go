package deb

import (
	"context"

	"github.com/envbuild/envbuild/internal/tree"
)

// LargeOrigin is the number of bytes from which on what comes from one origin is
// compressed apart from everything else.
const LargeOrigin = 2 << 20

// Ahead puts the parts of one origin into req.Cache, one after the other, before
// it is known what else the package holds: Write finds them if the entries come
// to it as they are here. It uses the Entries, Settings, Compression and Cache of
// the request. Without Times of their own the entries would depend on the
// package's date, which isn't asked for. There is nothing to do for an origin that
// isn't large, nor for a compression that works on the whole.
func Ahead(ctx context.Context, req Request) error {
	t, err := check(req.Entries)
	if err != nil {
		return err
	}
	var r run
	for _, it := range t {
		if it.Kind != tree.Dir {
			r.items = append(r.items, it)
			r.size += it.tarSize()
		}
	}
	a, err := newAssembler(ctx, &plan{req: req, items: t})
	if err != nil || a.parts == nil || a.cache == nil || !r.large() {
		return err
	}
	for _, s := range r.alone() {
		if _, err := a.part(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
