package perl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/lang"
)

// want is one requirement and who has it.
type want struct {
	requirement
	// by is the requirer, nil for the cpanfile and the spec, whose place is where.
	by    *candidate
	where string
}

// requirer is for messages: "cpanfile:3:10", "Plack-1.0050".
func (w want) requirer() string {
	if w.by != nil {
		return w.by.title()
	}
	return w.where
}

func satisfiesAll(wants []want, v version) bool {
	for _, w := range wants {
		if !w.rng.allows(v) {
			return false
		}
	}
	return true
}

// resolver chooses a distribution for every module that the project needs.
//
// It walks the requirements in passes. A pass is a walk from the cpanfile that
// chooses for each module the best candidate by all that was required of it, in
// this pass and the one before. After a pass the archives of what was chosen are
// pinned, which may bring more requirements to light. Passes end when nothing
// changes, so the result doesn't depend on the order in which anything was found.
type resolver struct {
	req          *lang.LockRequest
	perl         version
	core         coreModules
	mirrors      mirrorList
	snapshotFile string // "" if there is none
	pool         *pool
	roots        []cpanRequirement
	conflicts    []cpanRequirement
	// fixed are the candidates that the cpanfile names with dist and url, by module.
	fixed map[string]*candidate
	// renew are the modules that are to be taken from the index.
	renew   map[string]bool
	indexes map[string]*index // by mirror
	// made are the candidates found in indexes, by mirror and path.
	made map[string]*candidate
	// excluded are candidates that another of the same name stands for; the value
	// is the other's title.
	excluded map[*candidate]string
}

// selection is what a pass has chosen.
type selection struct {
	resolver *resolver
	chosen   map[string]*candidate // by the distribution's name
	choice   map[string]*candidate // by module; nil where perl itself will do
	wants    map[string][]want     // by module
	// via is the requirement that brought a candidate in.
	via map[*candidate]want
}

// maxPasses is far above what real projects need (6).
const maxPasses = 100

func (r *resolver) resolve(ctx context.Context) (*selection, error) {
	if err := r.fixSources(ctx); err != nil {
		return nil, err
	}
	last := &selection{}
	for range maxPasses {
		sel, restart, err := r.pass(ctx, last.wants)
		if err != nil {
			return nil, err
		}
		if restart {
			last = &selection{}
			continue
		}
		pinned, err := r.pinAll(ctx, sel)
		if err != nil {
			return nil, err
		}
		if !pinned && sel.fingerprint() == last.fingerprint() {
			return sel, sel.check()
		}
		last = sel
	}
	return nil, fmt.Errorf("the requirements contradict each other: after %d passes the choice of distributions still changes", maxPasses)
}

// fingerprint tells whether two selections are the same.
func (s *selection) fingerprint() string {
	var b strings.Builder
	for _, module := range slices.Sorted(maps.Keys(s.wants)) {
		fmt.Fprintf(&b, "%s:", module)
		if c := s.choice[module]; c != nil {
			b.WriteString(c.pathname)
		}
		for _, w := range s.wants[module] {
			fmt.Fprintf(&b, " %s=%s", w.requirer(), w.rng)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// sorted returns the chosen candidates by name.
func (s *selection) sorted() []*candidate {
	var out []*candidate
	for _, name := range slices.Sorted(maps.Keys(s.chosen)) {
		out = append(out, s.chosen[name])
	}
	return out
}

// pass walks the requirements once. restart says that a candidate was excluded
// and that all must be chosen anew.
func (r *resolver) pass(ctx context.Context, before map[string][]want) (sel *selection, restart bool, err error) {
	sel = &selection{
		resolver: r, chosen: make(map[string]*candidate), choice: make(map[string]*candidate),
		wants: make(map[string][]want), via: make(map[*candidate]want),
	}
	queue := r.rootWants()
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		if w.module == "perl" {
			if !w.rng.allows(r.perl) {
				return nil, false, &VersionError{sel.chain(w), w.rng.String(), r.pinnedPerl()}
			}
			continue
		}
		sel.wants[w.module] = append(sel.wants[w.module], w)
		c, err := r.choose(ctx, sel, w.module, before[w.module])
		if err != nil {
			return nil, false, err
		}
		sel.choice[w.module] = c
		if c == nil {
			continue
		}
		switch other := sel.chosen[c.name]; {
		case other == nil:
			sel.chosen[c.name], sel.via[c] = c, w
			queue = append(queue, r.wantsOf(c)...)
		case other != c:
			r.exclude(c, other)
			return sel, true, nil
		}
	}
	return sel, false, nil
}

func (r *resolver) pinnedPerl() string { return strings.TrimPrefix(r.perl.String(), "v") }

// rootWants are the requirements of the cpanfile.
func (r *resolver) rootWants() []want {
	var out []want
	for _, root := range r.roots {
		out = append(out, want{requirement: root.requirement, where: root.place.String()})
	}
	return out
}

// wantsOf are the requirements of a candidate and what the spec adds to them.
func (r *resolver) wantsOf(c *candidate) []want {
	var out []want
	for _, req := range c.requirements() {
		out = append(out, want{requirement: req, by: c})
	}
	for _, help := range r.req.Spec.CPAN().Build {
		if help.Distribution != c.name {
			continue
		}
		for _, name := range help.Needs {
			out = append(out, want{requirement: requirement{module: r.needed(name)}, by: c, where: needsKey})
		}
	}
	return out
}

// needsKey marks the wants that come from the spec's build section.
const needsKey = "needs"

// needed turns an entry of needs, a module or a distribution, into a module.
func (r *resolver) needed(name string) string {
	namesake := strings.ReplaceAll(name, "-", "::")
	known := r.pool.byName[name]
	if len(known) == 0 || len(known[0].modules) == 0 {
		return namesake
	}
	if _, ok := known[0].module(namesake); ok {
		return namesake
	}
	return known[0].modules[0].Name
}

// exclude settles that two chosen candidates are releases of one distribution: the
// one that the cpanfile names, else the newer, stands for both.
func (r *resolver) exclude(a, b *candidate) {
	newer, older := a, b
	if c := looseVersion(a.version).compare(looseVersion(b.version)); c < 0 || c == 0 && a.pathname < b.pathname {
		newer, older = b, a
	}
	if slices.Contains(slices.Collect(maps.Values(r.fixed)), older) {
		newer, older = older, newer
	}
	r.excluded[older] = newer.title()
}

// chain says who requires it, and who requires that: "cpanfile:3:10 → Plack-1.0050".
func (s *selection) chain(w want) string {
	names := []string{w.requirer()}
	for seen := map[*candidate]bool{}; w.by != nil && !seen[w.by]; {
		seen[w.by] = true
		w = s.via[w.by]
		names = append(names, w.requirer())
	}
	slices.Reverse(names)
	return strings.Join(names, " → ")
}

// check looks at what can be said only of the whole.
func (s *selection) check() error {
	for _, bad := range s.resolver.conflicts {
		for _, c := range s.sorted() {
			if v, ok := c.module(bad.module); ok && bad.rng.allows(v) {
				return &ConflictError{bad.place.String(), bad.String(), c.title()}
			}
		}
	}
	return nil
}

// unknown are the names to update that nothing chosen has.
func (s *selection) unknown() []string {
	var names []string
	for _, name := range s.resolver.req.Update {
		if !s.has(name) && name != runtimeStepName {
			names = append(names, name)
		}
	}
	return names
}

// has reports whether a chosen distribution has the name or provides the module.
func (s *selection) has(name string) bool {
	if s.chosen[name] != nil {
		return true
	}
	for _, c := range s.chosen {
		if _, ok := c.module(name); ok {
			return true
		}
	}
	return false
}
