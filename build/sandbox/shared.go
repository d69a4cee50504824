package sandbox

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/envbuild/envbuild/internal/tree"
)

// sharedCopies are copies of read-only layers that the weaker tiers make once
// for all commands.
type sharedCopies struct {
	mu    sync.Mutex
	made  map[string]*sharedCopy
	stale []*sharedCopy
}

// sharedCopy is one of them. It has no path where the layer can't be shared.
type sharedCopy struct {
	key    string
	once   sync.Once
	path   string
	before snapshot
	err    error
}

func newSharedCopies() *sharedCopies { return &sharedCopies{made: map[string]*sharedCopy{}} }

// get returns the copy of a layer, made now if need be; or nil if the layer
// contains one of the other placeholders, which stands for another path in every
// step.
func (s *sharedCopies) get(root string, l Layer, placeholders []string) (*sharedCopy, error) {
	key := strings.Join(append(append([]string{l.Prefix}, l.Lowers...), placeholders...), "\x00")
	s.mu.Lock()
	c := s.made[key]
	if c == nil {
		c = &sharedCopy{key: key}
		s.made[key] = c
	}
	s.mu.Unlock()
	c.once.Do(func() { c.err = c.make(root, l, placeholders) })
	if c.err != nil {
		s.forget(c)
		return nil, c.err
	}
	if c.path == "" {
		return nil, nil
	}
	return c, nil
}

// make copies the layer. Where that fails or the copy can't be shared, nothing
// of it remains.
func (c *sharedCopy) make(root string, l Layer, placeholders []string) error {
	path, err := newCopyPath(root)
	if err != nil {
		return err
	}
	before, err := copyLayer(l, path, []swap{{l.Prefix, path}})
	if err != nil {
		return errors.Join(err, tree.RemoveAll(path))
	}
	var others []swap
	for _, p := range placeholders {
		if p != l.Prefix {
			others = append(others, swap{p, p})
		}
	}
	// A swap of a path for itself finds it and changes nothing.
	hits, err := swapTree(path, others)
	if err != nil || len(hits) > 0 {
		return errors.Join(err, tree.RemoveAll(path))
	}
	c.path, c.before = path, before
	return nil
}

// forget makes the next command get a new copy. The old one stays until the
// sandbox is closed, as other commands may use it.
func (s *sharedCopies) forget(c *sharedCopy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made[c.key] == c {
		delete(s.made, c.key)
		s.stale = append(s.stale, c)
	}
}

func (s *sharedCopies) remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, c := range append(s.stale, slices.Collect(maps.Values(s.made))...) {
		if c.path != "" {
			err = errors.Join(err, tree.RemoveAll(c.path))
		}
	}
	clear(s.made)
	s.stale = nil
	return err
}
