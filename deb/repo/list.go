package repo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/deb/debversion"
)

// Selector chooses packages: by name, and by version and architecture if given.
type Selector struct{ Name, Version, Architecture string }

// ParseSelector reads NAME, NAME=VERSION, NAME:ARCH or NAME:ARCH=VERSION, as apt
// does.
func ParseSelector(s string) (Selector, error) {
	name, version, hasVersion := strings.Cut(s, "=")
	name, arch, hasArch := strings.Cut(name, ":")
	if !validName(name) || hasVersion && !validVersion(version) || hasArch && !validArch(arch) {
		return Selector{}, &SettingsError{"package", s, "names none", "write NAME, NAME=VERSION or NAME:ARCH=VERSION"}
	}
	return Selector{name, version, arch}, nil
}

func (s Selector) String() string {
	out := s.Name
	if s.Architecture != "" {
		out += ":" + s.Architecture
	}
	if s.Version != "" {
		out += "=" + s.Version
	}
	return out
}

func (s Selector) matches(k key) bool {
	return s.Name == k.name && (s.Version == "" || s.Version == k.version) && (s.Architecture == "" || s.Architecture == k.arch)
}

// List lists the packages of a distribution, or of all if dist is empty, ordered
// by place, name, version and architecture.
func (r *Repository) List(ctx context.Context, dist string) ([]Published, error) {
	dists := r.config.Distributions
	if dist != "" {
		if _, err := r.distribution(dist); err != nil {
			return nil, err
		}
		dists = []string{dist}
	}
	out := []Published{}
	for _, dist := range dists {
		st, err := r.mustCurrent(ctx, dist, nil)
		if err != nil {
			return nil, err
		}
		for _, component := range st.generation.Settings.Components {
			list, err := r.component(ctx, dist, st.generation, component)
			if err != nil {
				return nil, err
			}
			for _, s := range list {
				out = append(out, r.fromPool(s).published(dist, component))
			}
		}
	}
	return out, nil
}

// component reads the packages of a component, of all architectures, each once.
func (r *Repository) component(ctx context.Context, dist string, g *generation, component string) ([]*stanza, error) {
	seen := map[key]bool{}
	var out []*stanza
	for _, ref := range g.Indexes {
		if ref.Kind != packagesKind || ref.Component != component {
			continue
		}
		ix, err := loadIndex(ctx, r.storage, dist, ref)
		if err != nil {
			return nil, err
		}
		list, err := ix.stanzas(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if !seen[s.key] {
				seen[s.key] = true
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, compareStanzas)
	return out, nil
}

func compareStanzas(a, b *stanza) int {
	return cmp.Or(cmp.Compare(a.name, b.name), debversion.Compare(a.version, b.version), cmp.Compare(a.version, b.version),
		cmp.Compare(a.arch, b.arch))
}

// Remove takes packages out of a distribution. Their files stay as long as a
// generation names them.
func (r *Repository) Remove(ctx context.Context, from Place, what []Selector) ([]Published, error) {
	return r.edit(ctx, from.Distribution, func(ctx context.Context, d edit) (out []Published, err error) {
		matched := map[Selector]bool{}
		for _, component := range d.settings.Components {
			if from.Component != "" && component != from.Component {
				continue
			}
			list, err := r.component(ctx, d.dist, d.base.generation, component)
			if err != nil {
				return nil, err
			}
			list = slices.DeleteFunc(list, func(s *stanza) bool {
				keep := true
				for _, sel := range what {
					if sel.matches(s.key) {
						keep, matched[sel] = false, true
					}
				}
				return keep
			})
			out = append(out, d.drop(component, list)...)
		}
		for _, sel := range what {
			if !matched[sel] {
				return nil, &NotFoundError{fmt.Sprintf("%s has no package %s", d.dist, sel), "`envbuild repo ls` lists them"}
			}
		}
		d.action = actionOf("remove", out)
		return out, nil
	})
}

// drop takes packages out of a component's indexes.
func (d *draft) drop(component string, list []*stanza) (out []Published) {
	for _, s := range list {
		out = append(out, d.repo.fromPool(s).published(d.settings.Distribution, component))
		for _, arch := range d.settings.Architectures {
			if s.arch != allArch && s.arch != arch {
				continue
			}
			d.change(indexID{packagesKind, component, arch}).drop[s.print()] = true
			if d.settings.Contents {
				d.change(indexID{contentsKind, component, arch}).drop[s.print()] = true
			}
		}
	}
	return out
}

// Copy puts packages of one distribution into another: the same files. Of a
// package whose version isn't said the newest is taken, for each architecture.
func (r *Repository) Copy(ctx context.Context, from, to Place, what []Selector) ([]Published, error) {
	source, err := r.distribution(from.Distribution)
	if err != nil {
		return nil, err
	}
	return r.edit(ctx, to.Distribution, func(ctx context.Context, d edit) (out []Published, err error) {
		st, err := r.mustCurrent(ctx, source, d.keyring)
		if err != nil {
			return nil, err
		}
		chosen, err := r.choose(ctx, st.generation, from.Component, what)
		if err != nil {
			return nil, err
		}
		for component, pkgs := range chosen {
			if to.Component != "" {
				component = to.Component
			}
			added, err := d.add(ctx, component, pkgs)
			if err != nil {
				return nil, err
			}
			out = append(out, added...)
		}
		slices.SortFunc(out, func(a, b Published) int {
			return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.File, b.File))
		})
		d.action = actionOf("copy from "+source+":", out)
		return out, nil
	})
}

// choose returns what the selectors name, by component.
func (r *Repository) choose(ctx context.Context, g *generation, component string, what []Selector) (map[string][]*pkg, error) {
	out := map[string][]*pkg{}
	matched := map[Selector]bool{}
	for _, c := range g.Settings.Components {
		if component != "" && c != component {
			continue
		}
		list, err := r.component(ctx, g.Settings.Distribution, g, c)
		if err != nil {
			return nil, err
		}
		newest := map[key]*stanza{} // by name and architecture
		for _, s := range list {
			newest[key{name: s.name, arch: s.arch}] = s // the list is in the order of versions
		}
		for _, s := range list {
			taken := false
			for _, sel := range what {
				if sel.matches(s.key) && (sel.Version != "" || newest[key{name: s.name, arch: s.arch}] == s) {
					taken, matched[sel] = true, true
				}
			}
			if taken {
				out[c] = append(out[c], r.fromPool(s))
			}
		}
	}
	for _, sel := range what {
		if !matched[sel] {
			return nil, &NotFoundError{fmt.Sprintf("%s has no package %s", g.Settings.Distribution, sel), "`envbuild repo ls` lists them"}
		}
	}
	return out, nil
}

// Find returns a version of a package of a distribution, for an architecture or for
// all, or nil. A version without its revision is the newest that was made of it.
func (r *Repository) Find(ctx context.Context, dist, name, version, arch string) (*Published, error) {
	all, err := r.List(ctx, dist)
	if err != nil {
		return nil, err
	}
	var found *Published
	for i, p := range all {
		if p.Package != name || p.Architecture != arch && p.Architecture != "all" || p.Version != version && !strings.HasPrefix(p.Version, version+"-") {
			continue
		}
		if found == nil || debversion.Compare(found.Version, p.Version) < 0 {
			found = &all[i]
		}
	}
	return found, nil
}
