package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/pkgspec"
)

func (p *program) vendorCommand() *cli.Command {
	return &cli.Command{
		Name:      "vendor",
		Usage:     "copy every pinned source into vendor/, in a layout that cpanm and Carton read too",
		ArgsUsage: "[DIR]",
		Action: p.with(pkgspec.UseBuild, func(ctx context.Context, c *cli.Context, s *session) error {
			dir := filepath.Join(s.spec.Dir, "vendor")
			switch c.NArg() {
			case 0:
			case 1:
				dir = s.abs(c.Args().First())
			default:
				return &usageError{message: "vendor takes one folder at most"}
			}
			return s.vendor(ctx, dir)
		}),
	}
}

func (s *session) vendor(ctx context.Context, dir string) error {
	all, err := s.fetchAll(ctx)
	if err != nil {
		return err
	}
	for _, src := range all {
		name := src.Path
		if name == "" {
			name = src.File
		}
		if err := copyInto(filepath.Join(dir, filepath.FromSlash(name)), src.path); err != nil {
			return err
		}
	}
	return s.printPath(s.globals, dir)
}

// copyInto copies a file of the store to a path, which appears whole.
func copyInto(to, from string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), atomicfile.TempPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.Chmod(0o644); err != nil {
		return errors.Join(err, out.Close())
	}
	return atomicfile.Commit(out, to)
}
