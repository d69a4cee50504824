package perl

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// edges are the needs between chosen distributions: from, to, and whether perl's
// own modules would do instead.
type edges map[string]map[string]bool

// add notes that from needs to. An edge can be dispensed with only if all
// requirements behind it can.
func (e edges) add(from, to string, dispensable bool) {
	if e[from] == nil {
		e[from] = make(map[string]bool)
	}
	if was, ok := e[from][to]; ok {
		dispensable = dispensable && was
	}
	e[from][to] = dispensable
}

// edges turns what was chosen for each requirement into needs between
// distributions. Cycles among distributions that perl brings too (Encode and
// ExtUtils-MakeMaker, Scalar-List-Utils and Test-Simple) end where the core's
// module will do.
func (s *selection) edges() edges {
	e := make(edges)
	for _, c := range s.sorted() {
		for _, w := range s.resolver.wantsOf(c) {
			if to := s.choice[w.module]; to != nil && to != c {
				e.add(c.name, to.name, w.where != needsKey && s.resolver.core.allows(w.requirement))
			}
		}
	}
	type edge struct{ from, to string }
	var drop []edge
	for from, tos := range e {
		for to, dispensable := range tos {
			if dispensable && e.reaches(to, from) {
				drop = append(drop, edge{from, to})
			}
		}
	}
	for _, d := range drop {
		delete(e[d.from], d.to)
	}
	return e
}

// reaches reports whether there is a way along the edges.
func (e edges) reaches(from, to string) bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; {
		at := queue[0]
		queue = queue[1:]
		if at == to {
			return true
		}
		for next := range e[at] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return false
}

// pins returns the lock's distributions by name. The error is a *plan.CycleError.
func (s *selection) pins() ([]pkgspec.Pin, error) {
	e := s.edges()
	var pins []pkgspec.Pin
	var steps []plan.Step
	for _, c := range s.sorted() {
		pin := s.pin(c)
		pin.Requires = slices.Sorted(maps.Keys(e[c.name]))
		pins = append(pins, pin)
		steps = append(steps, plan.Step{ID: pin.Name, Name: pin.Name, Deps: pin.Requires})
	}
	_, err := plan.NewGraph(steps)
	return pins, err
}

func (s *selection) pin(c *candidate) pkgspec.Pin {
	pin := pkgspec.Pin{
		ID: c.name, Name: c.name, Version: c.version, CBytes: c.facts.CBytes, License: c.facts.Meta.License,
	}
	source := pkgspec.SourcePin{
		Path: c.pathname, URL: c.url, SHA256: c.archive.SHA256, Size: c.archive.Size,
	}
	if pin.Version == "" {
		pin.Version = "0"
	}
	switch mirror := c.archive.Mirror; {
	case c.previous != nil:
		source.URL = c.previous.Source().URL
	case c.url == "" && mirror != "" && s.resolver.mirrors.isOwn(mirror):
		source.URL = mirror + authorsPath + c.pathname
	}
	pin.Sources = []pkgspec.SourcePin{source}
	pin.Provides = slices.Clone(c.modules)
	if c.origin == fromIndex {
		// An index leaves out what a newer release of another distribution has.
		for _, m := range c.facts.provides() {
			if _, ok := c.module(m.Name); !ok {
				pin.Provides = append(pin.Provides, m)
			}
		}
	}
	sortModules(pin.Provides)
	pin.Provides = slices.CompactFunc(pin.Provides, func(a, b pkgspec.Module) bool { return a.Name == b.Name })
	return pin
}

// notices say what the person should know: what the snapshot lacks, what was
// renewed, what says nothing of its requirements.
func (s *selection) notices() []string {
	r := s.resolver
	var out []string
	var indexed, places []string
	for _, c := range s.sorted() {
		if !c.facts.Meta.Known {
			out = append(out, fmt.Sprintf("%s has no META file, so what it needs is known only when it is built.", c.title()))
		}
		if c.origin != fromIndex {
			continue
		}
		indexed, places = append(indexed, c.name), append(places, c.mirrors[0])
		w := s.via[c]
		switch {
		case r.renew[w.module]:
			out = append(out, fmt.Sprintf("%s is taken anew from %s: %s.", w.module, c.mirrors[0], c.pathname))
		case r.snapshotFile != "":
			out = append(out, fmt.Sprintf("%s lacks %s, which %s needs; taken from %s: %s.",
				r.snapshotFile, describeLack(r, w), s.chain(w), c.mirrors[0], c.pathname))
		}
	}
	if r.snapshotFile == "" && len(indexed) > 0 {
		slices.Sort(places)
		out = append(out, fmt.Sprintf("There is no cpanfile.snapshot, so %s came from the index of %s.",
			countDistributions(len(indexed)), strings.Join(slices.Compact(places), ", ")))
	}
	return out
}

// describeLack names the module, with the version if the snapshot has another.
func describeLack(r *resolver, w want) string {
	if len(r.pool.first[w.module]) > 0 {
		return w.String()
	}
	return w.module
}

func countDistributions(n int) string {
	if n == 1 {
		return "one distribution"
	}
	return fmt.Sprintf("%d distributions", n)
}
