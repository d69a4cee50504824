package view

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/tree"
)

// item is one path of the view. A file has a Source unless it is made of several
// versions.
type item struct {
	tree.Entry
	// layer names the layer, for people: several may share a name. output is its tree.
	layer, output string
	// file is the first name in its layer of a file with several names.
	file string
	// binary says that prefixes may be padded.
	binary bool
	// leader is the item whose inode this one shares, if not its own.
	leader *item
}

// merger collects the items of one part.
type merger struct {
	root      string
	items     map[string]*item
	shared    map[string]Rule
	versions  map[string][]*item // of shared files
	conflicts map[string]*Conflict
}

// merge returns the items of all parts and the extra ones, sorted by path: a
// directory comes before what it holds.
func merge(ctx context.Context, parts []Part, extra []tree.Entry) ([]*item, error) {
	var all []*item
	var conflicts []Conflict
	for _, p := range parts {
		m := newMerger(p)
		for _, l := range p.Layers {
			if err := m.addLayer(ctx, l); err != nil {
				return nil, err
			}
		}
		if err := m.joinShared(); err != nil {
			return nil, err
		}
		for _, it := range m.items {
			all = append(all, it)
		}
		for _, c := range m.conflicts {
			conflicts = append(conflicts, *c)
		}
	}
	if len(conflicts) > 0 {
		slices.SortFunc(conflicts, func(a, b Conflict) int { return strings.Compare(a.Path, b.Path) })
		return nil, &ConflictError{Conflicts: conflicts}
	}
	slices.SortFunc(all, func(a, b *item) int { return strings.Compare(a.Path, b.Path) })
	// Parts may lie in one directory, which then is there once for each.
	all = slices.CompactFunc(all, func(a, b *item) bool { return a.Path == b.Path })
	linkLeaders(all)
	return addExtra(all, extra)
}

// addExtra adds entries that no output has, and the directories above them.
func addExtra(all []*item, extra []tree.Entry) ([]*item, error) {
	have := make(map[string]*item, len(all))
	for _, it := range all {
		have[it.Path] = it
	}
	for _, e := range extra {
		if other := nearestItem(have, e.Path); other != nil && (other.Path == e.Path || other.Kind != tree.Dir) {
			return nil, &ConflictError{Conflicts: []Conflict{{
				Path: e.Path, Layers: []string{other.layer, "the language"}, Reason: "a path that both have",
			}}}
		}
		for dir := path.Dir(e.Path); dir != "." && have[dir] == nil; dir = path.Dir(dir) {
			have[dir] = &item{Entry: tree.Entry{Path: dir, Kind: tree.Dir}}
			all = append(all, have[dir])
		}
		e.Source, e.Size = "", int64(len(e.Content))
		have[e.Path] = &item{Entry: e, layer: "the language"}
		all = append(all, have[e.Path])
	}
	slices.SortFunc(all, func(a, b *item) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

func newMerger(p Part) *merger {
	m := &merger{
		root: p.Root, items: map[string]*item{}, shared: map[string]Rule{},
		versions: map[string][]*item{}, conflicts: map[string]*Conflict{},
	}
	for _, s := range p.Shared {
		m.shared[path.Join(p.Root, s.Path)] = s.Rule
	}
	for dir := p.Root; dir != "."; dir = path.Dir(dir) {
		m.items[dir] = &item{Entry: tree.Entry{Path: dir, Kind: tree.Dir}}
	}
	return m
}

func (m *merger) addLayer(ctx context.Context, l Layer) error {
	entries, err := tree.ScanFunc(l.Tree, func(string) error { return ctx.Err() })
	if err != nil {
		return fmt.Errorf("output of %s: %w", l.Name, err)
	}
	for dir := l.Place; dir != "" && dir != "."; dir = path.Dir(dir) {
		if err := m.add(&item{Entry: tree.Entry{Path: path.Join(m.root, dir), Kind: tree.Dir}, layer: l.Name}); err != nil {
			return err
		}
	}
	for _, e := range entries {
		it, err := m.newItem(l, e)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("output of %s: %w", l.Name, err)
		}
		if err := m.add(it); err != nil {
			return err
		}
	}
	return nil
}

// nearestItem is the item at a path, else that of the nearest directory above it
// that is there, or nil.
func nearestItem(have map[string]*item, at string) *item {
	for ; at != "."; at = path.Dir(at) {
		if it := have[at]; it != nil {
			return it
		}
	}
	return nil
}

// newItem is an entry of a layer in the view: as a file, also where it is a further
// name of one, and with one of two modes.
func (m *merger) newItem(l Layer, e tree.Entry) (*item, error) {
	it := &item{Entry: e, layer: l.Name, output: l.Tree, file: e.Path}
	if e.Kind == tree.Hardlink {
		it.Kind, it.Target, it.file = tree.File, "", e.Target
	}
	it.Path = path.Join(m.root, l.Place, e.Path)
	it.Mode = 0
	if it.Kind != tree.File {
		return it, nil
	}
	if e.Executable() {
		it.Mode = 0o755
	}
	var err error
	it.binary, err = matchAny(l.BinaryPrefixes, e.Path)
	return it, err
}

func matchAny(patterns []string, name string) (bool, error) {
	for _, p := range patterns {
		ok, err := path.Match(p, name)
		if err != nil {
			return false, fmt.Errorf("binary prefix %q: %w", p, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// add takes the item in, or finds that it differs from what is there.
func (m *merger) add(it *item) error {
	if m.shared[it.Path] != "" && it.Kind == tree.File {
		m.versions[it.Path] = append(m.versions[it.Path], it)
	}
	have := m.items[it.Path]
	if have == nil {
		m.items[it.Path] = it
		return nil
	}
	reason, err := difference(have, it, m.shared[it.Path] != "")
	if err != nil || reason == "" {
		return err
	}
	m.conflict(have, it, reason)
	return nil
}

func (m *merger) conflict(have, it *item, reason string) {
	c := m.conflicts[it.Path]
	if c == nil {
		c = &Conflict{Path: it.Path, Layers: []string{have.layer}, Reason: reason}
		m.conflicts[it.Path] = c
	}
	c.Layers = append(c.Layers, it.layer)
}

// difference says how two versions differ, or "".
func difference(a, b *item, shared bool) (string, error) {
	switch {
	case a.Kind != b.Kind:
		return fmt.Sprintf("a %s and a %s", a.Kind, b.Kind), nil
	case a.Kind == tree.Dir:
		return "", nil
	case a.Target != b.Target:
		return fmt.Sprintf("links to %s and %s", a.Target, b.Target), nil
	case a.Permissions() != b.Permissions():
		return fmt.Sprintf("modes %o and %o", a.Permissions(), b.Permissions()), nil
	case shared || a.Kind == tree.Symlink:
		return "", nil
	case a.Size != b.Size:
		return "different content", nil
	}
	same, err := tree.SameContent(a.Source, b.Source)
	if same {
		return "", err
	}
	return "different content", err
}

// linkLeaders lets the names of one inode follow the first of them. Only names
// within one layer are one file: two outputs may share an inode by chance of
// how the store keeps them.
func linkLeaders(items []*item) {
	type file struct{ layer, output, name string }
	leaders := map[file]*item{}
	for _, it := range items {
		if it.Kind != tree.File || it.Source == "" {
			continue
		}
		key := file{it.layer, it.output, it.file}
		leader := leaders[key]
		if leader == nil {
			leaders[key] = it
			continue
		}
		it.leader = leader
		leader.binary = leader.binary || it.binary
	}
}
