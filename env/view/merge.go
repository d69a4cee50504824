package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// item is one path of the view.
type item struct {
	path   string // slash-separated, relative to the view
	layer  string
	source string // where its content is; "" for a part's own folder
	mode   fs.FileMode
	size   int64
	target string // of a symbolic link
	inode  inode
	// content replaces that of source, for a file made of several versions.
	content []byte
	merged  bool
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

// merge returns the items of all parts, sorted by path: a folder comes before
// what it holds.
func merge(ctx context.Context, parts []Part) ([]*item, error) {
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
	slices.SortFunc(all, func(a, b *item) int { return strings.Compare(a.path, b.path) })
	// Parts may lie in one folder, which then is there once for each.
	all = slices.CompactFunc(all, func(a, b *item) bool { return a.path == b.path })
	linkLeaders(all)
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
		m.items[dir] = &item{path: dir, mode: fs.ModeDir | 0o755}
	}
	return m
}

func (m *merger) addLayer(ctx context.Context, l Layer) error {
	return filepath.WalkDir(l.Tree, func(name string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(l.Tree, name)
		if err != nil {
			return err
		}
		if rel == "." {
			if !d.IsDir() {
				return fmt.Errorf("output of %s: %s is no folder", l.Name, name)
			}
			return nil
		}
		it, err := m.newItem(l, name, filepath.ToSlash(rel), d)
		if err != nil {
			return fmt.Errorf("output of %s: %w", l.Name, err)
		}
		return m.add(it)
	})
}

func (m *merger) newItem(l Layer, name, rel string, d fs.DirEntry) (*item, error) {
	fi, err := d.Info()
	if err != nil {
		return nil, err
	}
	it := &item{path: path.Join(m.root, rel), layer: l.Name, source: name}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		it.mode = fs.ModeDir | 0o755
	case fs.ModeSymlink:
		it.mode = fs.ModeSymlink | 0o777
		it.target, err = os.Readlink(name)
		return it, err
	case 0:
		it.size = fi.Size()
		it.mode = 0o644
		if fi.Mode()&0o111 != 0 {
			it.mode = 0o755
		}
		it.inode = sharedInode(fi)
		it.binary, err = matchAny(l.BinaryPrefixes, rel)
	default:
		return nil, fmt.Errorf("%s is neither file, folder nor link", name)
	}
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
	if m.shared[it.path] != "" && it.mode.IsRegular() {
		m.versions[it.path] = append(m.versions[it.path], it)
	}
	have := m.items[it.path]
	if have == nil {
		m.items[it.path] = it
		return nil
	}
	reason, err := difference(have, it, m.shared[it.path] != "")
	if err != nil || reason == "" {
		return err
	}
	m.conflict(have, it, reason)
	return nil
}

func (m *merger) conflict(have, it *item, reason string) {
	c := m.conflicts[it.path]
	if c == nil {
		c = &Conflict{Path: it.path, Layers: []string{have.layer}, Reason: reason}
		m.conflicts[it.path] = c
	}
	c.Layers = append(c.Layers, it.layer)
}

// difference says how two versions differ, or "".
func difference(a, b *item, shared bool) (string, error) {
	switch {
	case a.mode.Type() != b.mode.Type():
		return kind(a) + " and " + kind(b), nil
	case a.mode.IsDir():
		return "", nil
	case a.target != b.target:
		return fmt.Sprintf("links to %s and %s", a.target, b.target), nil
	case a.mode != b.mode:
		return fmt.Sprintf("modes %o and %o", a.mode.Perm(), b.mode.Perm()), nil
	case shared || a.mode.Type() == fs.ModeSymlink:
		return "", nil
	case a.size != b.size:
		return "different content", nil
	}
	same, err := sameContent(a.source, b.source)
	if same {
		return "", err
	}
	return "different content", err
}

func kind(it *item) string {
	switch it.mode.Type() {
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a link"
	}
	return "a file"
}

// sameContent compares two files of one size.
func sameContent(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	ba, bb := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		na, err := io.ReadFull(fa, ba)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return false, err
		}
		nb, err := io.ReadFull(fb, bb)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return false, err
		}
		if !bytes.Equal(ba[:na], bb[:nb]) || last {
			return bytes.Equal(ba[:na], bb[:nb]), nil
		}
	}
}

// linkLeaders lets the names of one inode follow the first of them. Only names
// within one layer are one file: two outputs may share an inode by chance of
// how the store keeps them.
func linkLeaders(items []*item) {
	type file struct {
		layer string
		inode inode
	}
	leaders := map[file]*item{}
	for _, it := range items {
		if it.inode == (inode{}) || it.merged {
			continue
		}
		key := file{it.layer, it.inode}
		leader := leaders[key]
		if leader == nil {
			leaders[key] = it
			continue
		}
		it.leader = leader
		leader.binary = leader.binary || it.binary
	}
}
