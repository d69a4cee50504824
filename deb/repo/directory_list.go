package repo

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Sweep implements Sweeper.
func (f *Directory) Sweep(_ context.Context, before time.Time) error {
	dir := filepath.Join(f.root, tempDir)
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return f.explain(err)
	}
	for _, e := range all {
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // gone, or being written
		}
		if err := removeAny(filepath.Join(dir, e.Name())); err != nil {
			return f.explain(err)
		}
	}
	return nil
}

// List implements Lister.
func (f *Directory) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if prefix != "" && !fs.ValidPath(strings.TrimSuffix(prefix, "/")) {
			yield(Entry{}, &fs.PathError{Op: "list", Path: prefix, Err: fs.ErrInvalid})
			return
		}
		start := filepath.Join(f.root, filepath.FromSlash(prefix))
		err := filepath.WalkDir(start, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(f.root, path)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(rel)
			if d.IsDir() && name+"/" == privateDir {
				return fs.SkipDir
			}
			if !d.Type().IsRegular() {
				return nil
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(Entry{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Entry{}, f.explain(err))
		}
	}
}
