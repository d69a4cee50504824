package perl

import (
	"context"
	"fmt"
	"strings"
)

// choose returns the candidate for a module, or nil where perl itself will do. It
// asks, in this order: the cpanfile's own address of it, the snapshot, perl's core,
// the previous lock, the mirrors' indexes. The core comes before the previous lock
// so that a lock made anew equals one made on top of another.
func (r *resolver) choose(ctx context.Context, sel *selection, module string, before []want) (*candidate, error) {
	now := sel.wants[module]
	all := append(append([]want(nil), before...), now...)
	c, found, err := r.find(ctx, module, all)
	if err != nil || found {
		return c, err
	}
	// What was required in the pass before may come from a distribution that is
	// chosen no more.
	if c, found, err = r.find(ctx, module, now); err != nil || found {
		return c, err
	}
	return nil, r.unsatisfied(sel, module)
}

func (r *resolver) find(ctx context.Context, module string, wants []want) (c *candidate, found bool, err error) {
	if c := r.fixed[module]; c != nil {
		v, _ := c.module(module)
		return c, satisfiesAll(wants, v), nil
	}
	skip := func(c *candidate) bool { return r.excluded[c] != "" }
	if r.renew[module] {
		c, err := r.fromIndexes(ctx, module, wants)
		if c != nil || err != nil {
			return c, c != nil, err
		}
	}
	if c := chooseBest(r.pool.first[module], module, wants, skip); c != nil {
		return c, true, nil
	}
	if v, ok := r.core[module]; ok && satisfiesAll(wants, v) {
		return nil, true, nil
	}
	if c := chooseBest(r.pool.second[module], module, wants, skip); c != nil {
		return c, true, nil
	}
	c, err = r.fromIndexes(ctx, module, wants)
	return c, c != nil, err
}

// fromIndexes returns the first mirror's distribution that will do, or nil.
func (r *resolver) fromIndexes(ctx context.Context, module string, wants []want) (*candidate, error) {
	for _, mirror := range r.mirrors.all {
		ix, err := r.index(ctx, mirror)
		if err != nil {
			return nil, err
		}
		e, ok := ix.modules[module]
		if !ok || isPerlItself(e.pathname) || !satisfiesAll(wants, looseVersion(e.version)) {
			continue
		}
		if c := r.candidateOf(ix, e.pathname); r.excluded[c] == "" {
			return c, nil
		}
	}
	return nil, nil
}

func (r *resolver) index(ctx context.Context, mirror string) (*index, error) {
	if ix := r.indexes[mirror]; ix != nil {
		return ix, nil
	}
	ix, err := readIndex(ctx, r.req.Sources, mirror)
	if err != nil {
		return nil, err
	}
	r.indexes[mirror] = ix
	return ix, nil
}

// isPerlItself reports whether the index leads to perl's own archive, as it does
// for modules that only come with perl.
func isPerlItself(pathname string) bool {
	name, _ := distName(pathname)
	return name == "perl"
}

// candidateOf returns the one candidate of an index's path. If the snapshot has the
// same archive, that is it.
func (r *resolver) candidateOf(ix *index, pathname string) *candidate {
	if c := r.pool.byPath[pathname]; c != nil && c.url == "" {
		return c
	}
	key := ix.mirror + pathname
	c := r.made[key]
	if c == nil {
		c = newCandidate(pathname, fromIndex)
		c.modules, c.mirrors = ix.provides(pathname), []string{ix.mirror}
		r.made[key] = c
	}
	return c
}

// markRenewed finds out which modules the names to update stand for.
func (r *resolver) markRenewed() {
	for _, name := range r.req.Update {
		r.renew[strings.ReplaceAll(name, "-", "::")] = true
		for _, of := range []map[string][]*candidate{r.pool.first, r.pool.second, r.pool.byName} {
			for _, c := range of[name] {
				c.previous = nil // its bytes are to be found anew too
				for _, m := range c.modules {
					r.renew[m.Name] = true
				}
			}
		}
	}
}

// unsatisfied tells who requires the module and what was found of it.
func (r *resolver) unsatisfied(sel *selection, module string) error {
	e := &UnresolvedError{Module: module}
	for _, w := range sel.wants[module] {
		e.Needs = append(e.Needs, fmt.Sprintf("%s requires %s", sel.chain(w), w.rng.describe()))
	}
	if c := r.fixed[module]; c != nil {
		v, _ := c.module(module)
		e.Found = []string{fmt.Sprintf("%s has %s", c.title(), v)}
		return e
	}
	if r.snapshotFile != "" {
		e.Found = append(e.Found, describeFound(r.snapshotFile, module, r.pool.first[module]))
	}
	if v, ok := r.core[module]; ok {
		e.Found = append(e.Found, fmt.Sprintf("perl %s has %s", r.pinnedPerl(), v))
	} else {
		e.Found = append(e.Found, fmt.Sprintf("perl %s lacks it", r.pinnedPerl()))
	}
	for _, mirror := range r.mirrors.all {
		ix := r.indexes[mirror]
		if ix == nil {
			continue
		}
		e.Found = append(e.Found, describeIndex(ix, module))
	}
	return e
}

func describeFound(where, module string, cs []*candidate) string {
	var has []string
	for _, c := range cs {
		if v, ok := c.module(module); ok {
			has = append(has, fmt.Sprintf("%s in %s", v, c.pathname))
		}
	}
	if len(has) == 0 {
		return where + " lacks it"
	}
	return where + " has " + strings.Join(has, " and ")
}

func describeIndex(ix *index, module string) string {
	e, ok := ix.modules[module]
	if !ok {
		return fmt.Sprintf("the index of %s lacks it", ix.mirror)
	}
	return fmt.Sprintf("the index of %s has %s in %s", ix.mirror, e.version, e.pathname)
}
