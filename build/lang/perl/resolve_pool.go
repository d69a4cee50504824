package perl

import (
	"cmp"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// origin says where a candidate is known from.
type origin int

const (
	fromSnapshot origin = iota
	fromLock            // the previous lock
	fromIndex
	fromCpanfile // its options dist and url
)

// candidate is a distribution that may be chosen.
type candidate struct {
	name, version string
	// pathname is the path below authors/id, or the file name of a url.
	pathname string
	url      string
	origin   origin
	// mirrors are where the archive may come from.
	mirrors []string
	modules []pkgspec.Module
	// requires is the snapshot's list.
	requires []requirement
	// previous is the pin that the previous lock has of the same archive, or nil.
	previous *pkgspec.Pin
	// archive and facts are there once it is pinned.
	archive lang.Archive
	facts   *archiveFacts
}

func newCandidate(pathname string, from origin) *candidate {
	c := &candidate{pathname: pathname, origin: from}
	c.name, c.version = distName(pathname)
	return c
}

// title is for messages: "Plack-1.0050".
func (c *candidate) title() string {
	if c.version == "" {
		return c.name
	}
	return c.name + "-" + c.version
}

// module returns the version in which the candidate has the module.
func (c *candidate) module(name string) (version, bool) {
	for _, m := range c.modules {
		if m.Name == name {
			return looseVersion(m.Version), true
		}
	}
	return version{}, false
}

// requirements are what the candidate needs, as far as it is known: before its
// archive is there, the snapshot's list, which counts what configuring brought to
// light. Snapshots that only record what runs (cpm's) lack what configuring and
// building need, so META adds modules that the list doesn't have.
func (c *candidate) requirements() []requirement {
	if c.facts == nil {
		return c.requires
	}
	if c.origin != fromSnapshot {
		return c.facts.requirements(true)
	}
	var out []requirement
	listed := map[string]bool{}
	for _, r := range c.requires {
		listed[r.module] = true
		if !c.facts.ModuleInstall || r.module != "ExtUtils::MakeMaker" {
			out = append(out, r)
		}
	}
	for _, r := range c.facts.requirements(false) {
		if !listed[r.module] {
			out = append(out, r)
		}
	}
	return out
}

// pool holds the candidates that are known before any index is read.
type pool struct {
	// first holds the snapshot's, and what the previous lock has newer of them;
	// second the other pins of the previous lock.
	first, second map[string][]*candidate
	byName        map[string][]*candidate
	byPath        map[string]*candidate
}

// newPool makes candidates of the snapshot and of the previous lock. Where the
// snapshot didn't change since that lock was made, a pin that was updated by name
// stands for the snapshot's distribution of the same name.
func newPool(dists []snapshotDist, previous *pkgspec.Lock, sameSnapshot bool) *pool {
	p := &pool{
		first: make(map[string][]*candidate), second: make(map[string][]*candidate),
		byName: make(map[string][]*candidate), byPath: make(map[string]*candidate),
	}
	var snapshot []*candidate
	for _, d := range dists {
		c := newCandidate(d.pathname, fromSnapshot)
		c.modules, c.requires = d.provides, d.requirements
		snapshot = append(snapshot, c)
		p.byPath[d.pathname] = c
	}
	replaced := make(map[string]bool)
	if previous != nil {
		names := make(map[string]bool)
		for _, c := range snapshot {
			names[c.name] = true
		}
		pins := previous.Language(language).Distributions
		for i := range pins {
			if len(pins[i].Sources) != 1 {
				continue // a lock that was edited by hand: the distribution is pinned anew
			}
			if c := p.addPrevious(&pins[i], names, sameSnapshot); c != nil {
				replaced[c.name] = true
			}
		}
	}
	for _, c := range snapshot {
		if !replaced[c.name] {
			p.add(p.first, c)
		}
	}
	return p
}

// addPrevious adds a pin of the previous lock. It returns the candidate if that
// stands for the snapshot's of the same name.
func (p *pool) addPrevious(pin *pkgspec.Pin, inSnapshot map[string]bool, sameSnapshot bool) *candidate {
	if known := p.byPath[pin.Source().Path]; known != nil && (pin.Source().URL == "" || strings.HasSuffix(pin.Source().URL, authorsPath+pin.Source().Path)) {
		known.previous = pin
		return nil
	}
	c := newCandidate(pin.Source().Path, fromLock)
	c.name, c.version, c.url = pin.Name, pin.Version, pin.Source().URL
	c.modules, c.previous = pin.Provides, pin
	switch {
	case !inSnapshot[c.name]:
		p.add(p.second, c)
	case sameSnapshot:
		p.add(p.first, c)
		return c
	}
	return nil
}

func (p *pool) add(to map[string][]*candidate, c *candidate) {
	for _, m := range c.modules {
		to[m.Name] = append(to[m.Name], c)
	}
	p.byName[c.name] = append(p.byName[c.name], c)
	p.byPath[c.pathname] = c
}

// chooseBest returns the candidate with the newest version of the module among those
// that all wants allow. Of equal ones the distribution that bears the module's
// name wins, then the newest, then the first by path: never the order of a file.
func chooseBest(of []*candidate, module string, wants []want, skip func(*candidate) bool) *candidate {
	var fit []*candidate
	for _, c := range of {
		if v, ok := c.module(module); ok && satisfiesAll(wants, v) && !skip(c) {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	namesake := strings.ReplaceAll(module, "::", "-")
	return slices.MinFunc(fit, func(a, b *candidate) int {
		va, _ := a.module(module)
		vb, _ := b.module(module)
		if c := vb.compare(va); c != 0 {
			return c
		}
		if (a.name == namesake) != (b.name == namesake) {
			if a.name == namesake {
				return -1
			}
			return 1
		}
		return cmp.Or(looseVersion(b.version).compare(looseVersion(a.version)), strings.Compare(a.pathname, b.pathname))
	})
}
