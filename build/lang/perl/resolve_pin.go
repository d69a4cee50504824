package perl

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// parallelArchives is how many archives are asked for at once.
const parallelArchives = 8

// inParallel calls do for each item, a few at once, and returns the error of the
// first item that has one, in the items' order.
func inParallel[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	slots := make(chan struct{}, parallelArchives)
	var wg sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(item)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// pinAll brings the archives of what was chosen into the store. pinned reports
// whether there were new ones, which may have more requirements.
func (r *resolver) pinAll(ctx context.Context, sel *selection) (pinned bool, err error) {
	fresh := slices.DeleteFunc(sel.sorted(), func(c *candidate) bool { return c.facts != nil })
	err = inParallel(fresh, func(c *candidate) error { return r.pin(ctx, c, sel.chain(sel.via[c])) })
	return len(fresh) > 0, err
}

// pin brings the candidate's archive into the store and reads it. by is who needs
// it, for errors.
func (r *resolver) pin(ctx context.Context, c *candidate, by string) error {
	a, err := r.archive(ctx, c)
	if errors.Is(err, lang.ErrNotFound) {
		return &MissingArchiveError{Path: c.pathname, By: by, Mirrors: r.mirrorsOf(c)}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.title(), err)
	}
	facts, err := readFacts(r.req.Sources, c.pathname, a)
	if err != nil {
		return err
	}
	c.archive, c.facts = a, facts
	if c.version == "" {
		c.version = facts.Meta.Version
	}
	return nil
}

// archive finds the bytes. What the previous lock has pinned stays the same bytes,
// whatever a mirror says today.
func (r *resolver) archive(ctx context.Context, c *candidate) (lang.Archive, error) {
	if c.previous != nil {
		return r.req.Sources.Pinned(ctx, DistributionSource(*c.previous, r.mirrorsOf(c)))
	}
	if c.url != "" {
		return r.req.Sources.Find(ctx, r.mirrorsOf(c), c.pathname)
	}
	return r.req.Sources.Find(ctx, r.mirrorsOf(c), authorsPath+c.pathname)
}

func (r *resolver) mirrorsOf(c *candidate) []string {
	switch {
	case c.url != "":
		return []string{strings.TrimSuffix(c.url, c.pathname)}
	case len(c.mirrors) > 0:
		return c.mirrors
	}
	return r.mirrors.all
}

// fixSources makes candidates of the requirements that say where they come from.
// Their archives are read at once, for nothing else says what is inside.
func (r *resolver) fixSources(ctx context.Context) error {
	r.fixed = make(map[string]*candidate)
	for _, root := range r.roots {
		c, err := r.fixSource(ctx, root)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		if c.facts == nil {
			if err := r.pin(ctx, c, root.place.String()); err != nil {
				return err
			}
			if len(c.modules) == 0 {
				c.modules = c.facts.provides()
			}
		}
		if _, ok := c.module(root.module); !ok {
			c.modules = append(slices.Clone(c.modules), pkgspec.Module{Name: root.module, Version: orUndef(c.version)})
		}
		for _, m := range c.modules {
			if r.fixed[m.Name] == nil || m.Name == root.module {
				r.fixed[m.Name] = c
			}
		}
	}
	return nil
}

// fixSource returns nil if the requirement doesn't say where it comes from.
func (r *resolver) fixSource(ctx context.Context, root cpanRequirement) (*candidate, error) {
	switch {
	case root.git != "":
		return nil, &GitError{root.place.String(), root.module, root.git}
	case root.url != "":
		return r.fixURL(root)
	}
	var mirrors []string
	if root.mirror != "" {
		mirror := mirrorAddress(r.req.Spec.Dir, root.mirror)
		mirrors = []string{mirror}
		if !slices.Contains(r.mirrors.all, mirror) {
			r.mirrors.own = append(r.mirrors.own, mirror)
		}
	}
	if root.dist != "" {
		return r.fixDist(root, mirrors)
	}
	if len(mirrors) > 0 {
		return r.fixMirror(ctx, root, mirrors[0])
	}
	return nil, nil
}

func (r *resolver) fixURL(root cpanRequirement) (*candidate, error) {
	base := path.Base(root.url)
	if _, ok := cutArchiveSuffix(base); !ok || !strings.Contains(root.url, "://") || strings.ContainsAny(base, "?#") {
		return nil, root.place.errorf("write an address that ends in the archive's file name: https://example.org/Foo-1.0.tar.gz",
			"%q is not the address of an archive", root.url)
	}
	c := newCandidate(base, fromCpanfile)
	c.url = root.url
	for _, old := range r.pool.byName[c.name] {
		if old.url == c.url {
			c.previous = old.previous
		}
	}
	return c, nil
}

// fixDist takes dist => 'A/AU/AUTHOR/Foo-1.0.tar.gz' or 'AUTHOR/Foo-1.0.tar.gz'.
func (r *resolver) fixDist(root cpanRequirement, mirrors []string) (*candidate, error) {
	pathname := root.dist
	if author, file, ok := strings.Cut(pathname, "/"); ok && len(author) > 2 {
		pathname = author[:1] + "/" + author[:2] + "/" + author + "/" + file
	}
	if err := checkPathname(pathname); err != nil {
		return nil, root.place.errorf("write dist => 'A/AU/AUTHOR/Foo-1.0.tar.gz'", "%s: %v", root.module, err)
	}
	c := r.pool.byPath[pathname]
	if c == nil || c.url != "" {
		c = newCandidate(pathname, fromCpanfile)
	}
	c.mirrors = mirrors
	return c, nil
}

// fixMirror takes a module from the mirror that the requirement names.
func (r *resolver) fixMirror(ctx context.Context, root cpanRequirement, mirror string) (*candidate, error) {
	wants := []want{{requirement: root.requirement, where: root.place.String()}}
	none := func(*candidate) bool { return false }
	if c := chooseBest(r.pool.first[root.module], root.module, wants, none); c != nil && !r.renew[root.module] {
		c.mirrors = []string{mirror}
		return c, nil
	}
	ix, err := r.index(ctx, mirror)
	if err != nil {
		return nil, err
	}
	e, ok := ix.modules[root.module]
	if !ok || !root.rng.allows(looseVersion(e.version)) || isPerlItself(e.pathname) {
		return nil, &UnresolvedError{
			Module: root.module,
			Needs:  []string{fmt.Sprintf("%s requires %s", root.place, root.rng.describe())},
			Found:  []string{describeIndex(ix, root.module)},
		}
	}
	return r.candidateOf(ix, e.pathname), nil
}
