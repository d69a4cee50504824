package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/internal/tree"
)

// runMounted runs c in one of the tiers that mount.
func (s *Sandbox) runMounted(ctx context.Context, c *Command) (res Result, err error) {
	own, err := os.MkdirTemp(c.Scratch, "sandbox-")
	if err != nil {
		return Result{}, &SetupError{s.tier, "make a scratch directory", err}
	}
	defer func() { err = errors.Join(err, tree.RemoveAll(own)) }()

	cfg := &config{
		Tier: s.tier, Argv: c.Argv, Env: c.Env, Dir: insideDir(c), TTY: c.TTY, ExtraFiles: len(c.ExtraFiles),
		Binds: []bind{{From: c.Work, To: c.WorkPath, Writable: true}},
	}
	for _, path := range c.ReadOnlyHost {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return Result{}, &CommandError{"ReadOnlyHost", err.Error()}
		}
		cfg.Binds = append(cfg.Binds, bind{From: target, To: path})
	}
	if cfg.Mounts, err = s.mounts(c, own); err != nil {
		return Result{}, err
	}
	res, err = s.spawn(ctx, cfg, c)
	if err != nil || res.ExitCode != 0 {
		return res, err
	}
	res.Changes, err = captureOverlays(c.Layers)
	return res, err
}

// mounts describes the layers, with a directory for overlayfs below own where one
// is needed.
func (s *Sandbox) mounts(c *Command, own string) ([]mount, error) {
	var list []mount
	for _, l := range c.Layers {
		m := mount{Prefix: l.Prefix, Lowers: l.Lowers, Upper: l.Upper}
		if len(l.Lowers) > 0 && l.Upper != "" {
			work, err := os.MkdirTemp(own, "overlay-")
			if err != nil {
				return nil, &SetupError{s.tier, "make a scratch directory", err}
			}
			m.Work = work
		}
		list = append(list, m)
	}
	return list, nil
}

func insideDir(c *Command) string {
	if filepath.IsAbs(c.Dir) {
		return c.Dir
	}
	return filepath.Join(c.WorkPath, c.Dir)
}
