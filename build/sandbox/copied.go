package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/tree"
)

// maxCopyRoot leaves a step's own paths at least 31 random characters.
const maxCopyRoot = 32

// runCopied runs c in one of the tiers without mounts: on copies at paths of
// its own, with the placeholders swapped for these paths, and back at the end.
func (s *Sandbox) runCopied(ctx context.Context, c *Command) (res Result, err error) {
	r := &copied{s: s, c: c}
	defer func() { err = errors.Join(err, r.remove()) }()
	if err := r.prepare(); err != nil {
		return Result{}, &SetupError{s.tier, "copy what the command is to see", err}
	}
	cfg, err := r.config()
	if err != nil {
		return Result{}, err
	}
	res, err = s.spawn(ctx, cfg, c)
	if workErr := r.returnWork(); err != nil || workErr != nil {
		return res, errors.Join(err, workErr)
	}
	if err := r.checkShared(); err != nil || res.ExitCode != 0 {
		return res, err
	}
	res.Changes, err = r.capture()
	return res, err
}

// copied is one run on copies.
type copied struct {
	s *Sandbox
	c *Command
	// work and tmp are the step's own work and temporary directories, layers its
	// layers; swaps put their paths in the placeholders' place.
	work, tmp string
	layers    []ownLayer
	swaps     []swap
	// workMoved says that the work directory's content is in work.
	workMoved bool
}

// ownLayer is a layer's copy.
type ownLayer struct {
	path   string
	before snapshot
	// shared is a copy that belongs to the sandbox, or nil.
	shared *sharedCopy
}

func (r *copied) prepare() (err error) {
	root := r.s.opts.CopyRoot
	if r.tmp, err = os.MkdirTemp(root, "envbuild-"); err != nil {
		return err
	}
	if r.work, err = newCopyPath(root); err != nil {
		return err
	}
	if err := os.Mkdir(r.work, 0o755); err != nil {
		return err
	}
	r.swaps = []swap{{r.c.WorkPath, r.work}}
	r.layers = make([]ownLayer, len(r.c.Layers))
	for i, l := range r.c.Layers {
		if err := r.choosePath(i, l); err != nil {
			return err
		}
		r.swaps = append(r.swaps, swap{l.Prefix, r.layers[i].path})
	}
	// Only now is every path known that may stand in a layer.
	for i, l := range r.c.Layers {
		if r.layers[i].shared != nil {
			continue
		}
		if r.layers[i].before, err = copyLayer(l, r.layers[i].path, r.swaps); err != nil {
			return err
		}
	}
	r.workMoved = true
	if err := moveEntries(r.c.Work, r.work); err != nil {
		return err
	}
	_, err = swapTree(r.work, r.swaps)
	return err
}

// choosePath gives layer i the path of a shared copy, or a new one.
func (r *copied) choosePath(i int, l Layer) error {
	if l.Upper == "" {
		shared, err := r.s.shared.get(r.s.opts.CopyRoot, l, r.c.placeholders())
		if err != nil {
			return err
		}
		if shared != nil {
			r.layers[i] = ownLayer{shared.path, shared.before, shared}
			return nil
		}
	}
	path, err := newCopyPath(r.s.opts.CopyRoot)
	r.layers[i].path = path
	return err
}

// placeholders lists every path that c's files may contain.
func (c *Command) placeholders() []string {
	list := []string{c.WorkPath}
	for _, l := range c.Layers {
		list = append(list, l.Prefix)
	}
	return list
}

// copyLayer merges a layer's lower directories at path.
func copyLayer(l Layer, path string, swaps []swap) (snapshot, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, err
	}
	for _, lower := range l.Lowers {
		if err := copyTree(lower, path); err != nil {
			return nil, err
		}
	}
	if _, err := swapTree(path, swaps); err != nil {
		return nil, err
	}
	return takeSnapshot(path)
}

// newCopyPath returns a path of a placeholder's length that nothing else has.
func newCopyPath(root string) (string, error) {
	if len(root) > maxCopyRoot || !filepath.IsAbs(root) {
		return "", &CommandError{"CopyRoot", fmt.Sprintf("%q is not an absolute path of at most %d bytes", root, maxCopyRoot)}
	}
	name := strings.Builder{}
	for name.Len() < pathLen-len(root)-1 {
		name.WriteString(rand.Text()) // 26 characters, 128 bits
	}
	return filepath.Join(root, name.String())[:pathLen], nil
}

func (r *copied) config() (*config, error) {
	cfg := &config{
		Tier:       r.s.tier,
		Argv:       swapStrings(r.c.Argv, r.swaps),
		Env:        swapStrings(r.c.Env, r.swaps),
		Dir:        swapString(insideDir(r.c), r.swaps),
		TTY:        r.c.TTY,
		ExtraFiles: len(r.c.ExtraFiles),
		Remove:     r.own(),
	}
	if !slices.ContainsFunc(cfg.Env, func(kv string) bool { return strings.HasPrefix(kv, "TMPDIR=") }) {
		cfg.Env = append(cfg.Env, "TMPDIR="+r.tmp)
	}
	for i, l := range r.layers {
		if l.shared != nil {
			// When the caller is dead, nobody else removes it.
			cfg.Remove = append(cfg.Remove, l.path)
		}
		access := everything
		if r.c.Layers[i].Upper == "" {
			access = readExecute
		}
		cfg.Rules = append(cfg.Rules, rule{l.path, access})
	}
	cfg.Rules = append(cfg.Rules, rule{r.work, everything}, rule{r.tmp, everything})
	for _, path := range r.c.ReadOnlyHost {
		cfg.Rules = append(cfg.Rules, rule{path, readExecute})
	}
	system, err := systemRules()
	cfg.Rules = append(cfg.Rules, system...)
	return cfg, err
}

// own lists the directories that this run made.
func (r *copied) own() []string {
	var list []string
	for _, dir := range []string{r.tmp, r.work} {
		if dir != "" {
			list = append(list, dir)
		}
	}
	for _, l := range r.layers {
		if l.path != "" && l.shared == nil {
			list = append(list, l.path)
		}
	}
	return list
}

func (r *copied) remove() error {
	err := r.returnWork()
	for _, dir := range r.own() {
		err = errors.Join(err, tree.RemoveAll(dir))
	}
	return err
}

// returnWork gives the caller's work directory its content back, with the
// placeholders in their place.
func (r *copied) returnWork() error {
	if !r.workMoved {
		return nil
	}
	r.workMoved = false
	if _, err := swapTree(r.work, reversed(r.swaps)); err != nil {
		return err
	}
	return moveEntries(r.work, r.c.Work)
}

// checkShared makes sure that the command left the shared copies alone. Landlock
// does; nothing else can.
func (r *copied) checkShared() error {
	if r.s.tier != None {
		return nil
	}
	for i, l := range r.layers {
		if r.c.Layers[i].Upper != "" {
			continue
		}
		touched, err := l.before.touched(l.path)
		if err != nil {
			return err
		}
		deleted, err := l.before.deleted(l.path)
		if err != nil {
			return err
		}
		if len(touched)+len(deleted) > 0 {
			if l.shared != nil {
				r.s.shared.forget(l.shared)
			}
			return &SharedChangeError{r.c.Layers[i].Prefix, Changes{touched, deleted}}
		}
	}
	return nil
}

// capture brings what the command added to each layer into its Upper.
func (r *copied) capture() ([]Changes, error) {
	var own []string
	for _, p := range r.swaps {
		own = append(own, p.to)
	}
	pieces := newLeaks(own, len(r.s.opts.CopyRoot)+1)
	all := make([]Changes, len(r.layers))
	for i, l := range r.c.Layers {
		if l.Upper == "" {
			continue
		}
		var err error
		if all[i], err = r.captureLayer(l, r.layers[i], pieces); err != nil {
			return nil, fmt.Errorf("capture what the command added to %s: %w", l.Prefix, err)
		}
	}
	return all, nil
}

func (r *copied) captureLayer(l Layer, own ownLayer, pieces *leaks) (Changes, error) {
	if err := openDirs(own.path); err != nil {
		return Changes{}, err
	}
	deleted, err := own.before.deleted(own.path)
	if err != nil {
		return Changes{}, err
	}
	if err := own.before.prune(own.path); err != nil {
		return Changes{}, err
	}
	if _, err := swapTree(own.path, reversed(r.swaps)); err != nil {
		return Changes{}, err
	}
	changes, err := captureUpper(own.path, l.Lowers)
	if err != nil {
		return Changes{}, err
	}
	if err := pieces.inTree(own.path); err != nil {
		return Changes{}, err
	}
	changes.Deleted = deleted
	return changes, moveEntries(own.path, l.Upper)
}
