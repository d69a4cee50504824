package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Kinds of entries, as Stat and GC count them.
const (
	Sources = "sources"
	Outputs = "outputs"
	Actions = "actions"
	Logs    = "logs"
	Facts   = "facts"
	Parts   = "parts"
	Views   = "views"
)

// item is one entry of the store.
type item struct {
	kind string
	// name is the digest, the ID, the key or the view's name.
	name string
	path string
	// used is when it was last used, at most an hour too early.
	used  time.Time
	bytes int64
}

// items lists everything that the store holds, with sizes on disk.
func (s *Store) items(ctx context.Context) ([]item, error) {
	var out []item
	for _, kind := range []struct {
		kind, pattern string
	}{
		{Sources, sourcesDir + "/*/*"},
		{Outputs, outputsDir + "/*/*"},
		{Actions, actionsDir + "/*/*"},
		{Logs, logsDir + "/*.log"},
		{Facts, factsDir + "/*/*/*"},
		{Parts, partsDir + "/*/*"},
		{Views, viewsDir + "/*"},
	} {
		paths, err := fs.Glob(os.DirFS(s.root), kind.pattern)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			it, err := s.item(ctx, kind.kind, s.path(p))
			if errors.Is(err, fs.ErrNotExist) {
				continue // another process removed it
			}
			if err != nil {
				return nil, err
			}
			out = append(out, it)
		}
	}
	return out, nil
}

func (s *Store) item(ctx context.Context, kind, path string) (item, error) {
	it := item{kind: kind, path: path, name: strings.TrimSuffix(filepath.Base(path), ".log")}
	marker := path
	if kind == Outputs {
		marker = filepath.Join(path, manifestName)
	}
	fi, err := os.Lstat(marker)
	if err != nil && kind == Outputs {
		fi, err = os.Lstat(path) // an output without a manifest is garbage
	}
	if err != nil {
		return it, err
	}
	it.used = fi.ModTime()
	it.bytes, err = diskUsage(ctx, path)
	return it, err
}

// diskUsage counts the bytes on disk that go away with path; of a file with
// several names, the part of those names.
func diskUsage(ctx context.Context, path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && !d.IsDir() {
			n += st.Blocks * 512 / int64(st.Nlink)
		}
		return nil
	})
	return n, err
}

// Usage says what a kind of entries takes.
type Usage struct {
	Kind    string `json:"kind"`
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes"` // on disk
}

// Stat says what the store holds, one line for each kind.
func (s *Store) Stat(ctx context.Context) ([]Usage, error) {
	items, err := s.items(ctx)
	if err != nil {
		return nil, err
	}
	return usage(items), nil
}

func usage(items []item) []Usage {
	var out []Usage
	for _, kind := range []string{Sources, Outputs, Actions, Logs, Facts, Parts, Views} {
		u := Usage{Kind: kind}
		for _, it := range items {
			if it.kind == kind {
				u.Entries++
				u.Bytes += it.bytes
			}
		}
		out = append(out, u)
	}
	return out
}
