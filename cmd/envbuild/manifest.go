package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/pkgspec"
)

// manifest says what the package is made of and from what it was made. The
// commit is in it where the spec takes the version from git.
func (c *packageContent) manifest(ctx context.Context) ([]byte, error) {
	m := report.NewManifest(c.spec.Name, c.version, c.built.lock, func(step string) string {
		return c.built.outputID(c.built.lock.Runtime.Language, step)
	})
	text, err := os.ReadFile(filepath.Join(c.spec.Dir, pkgspec.SpecName))
	if err != nil {
		return nil, err
	}
	m.Spec = digest.Sum(text).String()
	if c.spec.Version.Git != "" {
		if m.Commit, err = c.git(ctx, "rev-parse", "HEAD"); err != nil {
			return nil, err
		}
	}
	return m.Encode()
}
