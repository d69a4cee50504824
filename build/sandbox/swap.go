package sandbox

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// swap is a pair of paths of one length, the second of which is to stand in the
// first one's place.
type swap struct{ from, to string }

// reversed turns every pair round.
func reversed(swaps []swap) []swap {
	back := make([]swap, len(swaps))
	for i, s := range swaps {
		back[i] = swap{s.to, s.from}
	}
	return back
}

// swapString puts paths in their place in s.
func swapString(s string, swaps []swap) string {
	for _, p := range swaps {
		s = strings.ReplaceAll(s, p.from, p.to)
	}
	return s
}

func swapStrings(list []string, swaps []swap) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = swapString(s, swaps)
	}
	return out
}

// match is an occurrence of a swap's first path.
type match struct {
	offset int
	swap   swap
}

// find returns the occurrences of the swaps' first paths in data.
func find(data []byte, swaps []swap) []match {
	var list []match
	for _, s := range swaps {
		// A part that isn't a common beginning is found much faster than the whole,
		// and up to 63 bytes are what bytes.Index looks for with vectors.
		const lo, hi = pathLen / 2, pathLen
		part := []byte(s.from[lo:hi])
		for pos := 0; ; {
			i := bytes.Index(data[pos:], part)
			if i < 0 {
				break
			}
			start := pos + i - lo
			if start >= 0 && string(data[start:start+pathLen]) == s.from {
				list = append(list, match{start, s})
			}
			pos += i + 1
		}
	}
	return list
}

// swapTree puts paths in their place in every file and symlink below
// root. Lengths, modes, modification times and hard links stay as they are. It
// returns the first paths that occurred.
func swapTree(root string, swaps []swap) (map[string]bool, error) {
	hits := map[string]bool{}
	err := walkOpen(root, func(path string, fi fs.FileInfo) error {
		switch fi.Mode().Type() {
		case 0:
			return swapFile(path, fi, swaps, hits)
		case fs.ModeSymlink:
			return swapLink(path, swaps, hits)
		}
		return nil
	})
	return hits, err
}

func swapFile(path string, fi fs.FileInfo, swaps []swap, hits map[string]bool) error {
	if fi.Size() < pathLen {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	matches := find(data, swaps)
	if len(matches) == 0 {
		return nil
	}
	if err := writeMatches(path, fi, matches); err != nil {
		return err
	}
	for _, m := range matches {
		hits[m.swap.from] = true
	}
	return nil
}

// writeMatches overwrites in place, as make compares times and a hard link's
// other name must change too.
func writeMatches(path string, fi fs.FileInfo, matches []match) (err error) {
	if fi.Mode()&0o200 == 0 {
		if err := os.Chmod(path, fi.Mode().Perm()|0o200); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Chmod(path, fi.Mode().Perm())) }()
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, m := range matches {
		if _, err := f.WriteAt([]byte(m.swap.to), int64(m.offset)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, fi.ModTime())
}

func swapLink(path string, swaps []swap, hits map[string]bool) error {
	old, err := os.Readlink(path)
	if err != nil {
		return err
	}
	target := swapString(old, swaps)
	if target == old {
		return nil
	}
	for _, s := range swaps {
		if strings.Contains(old, s.from) {
			hits[s.from] = true
		}
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// walkOpen calls do for every entry below root but directories, and makes what the
// owner can't read readable on the way.
func walkOpen(root string, do func(path string, fi fs.FileInfo) error) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		fi, err := e.Info()
		if err != nil {
			return err
		}
		if fi.IsDir() || fi.Mode().IsRegular() {
			if err := makeReadable(path, fi); err != nil {
				return err
			}
		}
		if fi.IsDir() {
			err = walkOpen(path, do)
		} else {
			err = do(path, fi)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
