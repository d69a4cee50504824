// Package view makes one tree of many outputs: the local environment, or the
// content of a package (design.md §2.6). It merges the layers, rewrites the
// build prefixes to real ones, proves that nothing of them is left, and lets the
// result appear in one rename.
package view

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/envbuild/envbuild/internal/tree"
)

// Request says what a view is made of.
type Request struct {
	// Parts are the view's directories, which its languages name.
	Parts []Part
	// Extra are files and symlinks that the view has besides what outputs have: of
	// their entries Path, Kind, Mode, Target and Content count. The directories above
	// them are made. Prefixes are rewritten in them, too.
	Extra []tree.Entry
	// Rewrites replace the prefixes that outputs were built at.
	Rewrites []Rewrite
	// Placeholders are further high-entropy paths of which the view must not
	// hold any 8-byte piece, such as the work path. Those of Rewrites count anyway.
	Placeholders []string
	// Forbidden are strings that must not occur, such as the store's directories.
	// Each has at least 8 bytes, lest it occurs by chance, and is in no
	// Rewrite.To: a view below the store names the store's other directories.
	Forbidden []string
	// Dest is the absolute path at which the view appears. What is there already,
	// unless an empty directory, is taken for the same view and left alone.
	Dest string
	// Time becomes the modification time of everything.
	Time time.Time
	// Unsynced spares the time until the disk has it all: after a power cut a view
	// may be torn. It is for those whose bytes are proved before they are used.
	Unsynced bool
	// Parallel is the number of files that are worked on at once; 0 means 1.
	Parallel int
}

// Part is one directory of a view.
type Part struct {
	// Root is the directory's slash-separated path in the view; "." if it is the
	// only part and the view itself.
	Root string
	// Layers are the outputs in it, dependencies before dependents. Files that
	// are the same in several are taken from the first.
	Layers []Layer
	// Shared names files of which several layers may have different versions.
	Shared []Shared
}

// Layer is the output of one step.
type Layer struct {
	// Name is the distribution's.
	Name string
	// Tree is the directory with the output.
	Tree string
	// Place is the clean slash-separated path of the directory in the part at which
	// the output stands; "" is the part itself. An output that stands at several
	// places is a layer for each, and its files are one inode then.
	Place string
	// BinaryPrefixes are path.Match patterns, relative to Tree, for binary files
	// in which a prefix may be overwritten by a shorter one, padded with slashes.
	BinaryPrefixes []string
}

// Shared is a file that several layers write.
type Shared struct {
	// Path is slash-separated and relative to the part.
	Path string
	Rule Rule
}

// Rule says how one file is made of several versions.
type Rule string

// Sections is the union of the versions' INI sections, in the layers' order.
const Sections Rule = "sections"

// Rewrite replaces a placeholder by a real prefix. Both are clean absolute
// paths.
type Rewrite struct{ From, To string }

// Result is a view that is there.
type Result struct {
	// Entries lists everything in the view, sorted by path.
	Entries []tree.Entry
	// Bytes is the size of the regular files, each inode once.
	Bytes int64
	// Existed says that the view had been there already.
	Existed bool
}

// Make makes the view. Until it is complete nothing is at req.Dest, and nothing
// is left beside it when Make fails or ctx ends; what a killed Make left there is
// removed by the next one for the same Dest. Make fails with a *ConflictError, a
// *LeakError, a *PrefixError, the error of ctx, or one that names the file.
func Make(ctx context.Context, req Request) (*Result, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	existed, err := occupied(req.Dest)
	if err != nil {
		return nil, err
	}
	if !existed {
		if existed, err = build(ctx, &req); err != nil {
			return nil, fmt.Errorf("make view %s: %w", req.Dest, err)
		}
	}
	entries, err := tree.Scan(req.Dest)
	if err != nil {
		return nil, err
	}
	res := &Result{Entries: entries, Existed: existed}
	for _, e := range entries {
		if e.Kind == tree.File {
			res.Bytes += e.Size
		}
	}
	return res, nil
}

// build makes the view in a temporary directory and publishes it. It reports
// whether another process was faster.
func build(ctx context.Context, req *Request) (existed bool, err error) {
	items, err := merge(ctx, req.Parts, req.Extra)
	if err != nil {
		return false, err
	}
	stage, err := newStage(req.Dest)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	w := newWriter(req, stage.dir)
	if err := w.write(ctx, items); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return stage.publish(req.Dest, req.Unsynced)
}

// occupied reports whether dest is a directory that holds something.
func occupied(dest string) (bool, error) {
	entries, err := os.ReadDir(dest)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}

func (req *Request) check() error {
	if !filepath.IsAbs(req.Dest) || filepath.Clean(req.Dest) != req.Dest {
		return fmt.Errorf("view at %q: the path must be absolute and clean", req.Dest)
	}
	if req.Time.IsZero() {
		return fmt.Errorf("view at %s: no time for its files", req.Dest)
	}
	for i, p := range req.Parts {
		if err := checkRoot(p.Root, req.Parts[:i]); err != nil {
			return err
		}
		for _, l := range p.Layers {
			if l.Place != "" && !isCleanPath(l.Place) {
				return fmt.Errorf("place %q of %s is not a clean path in the view", l.Place, l.Name)
			}
		}
		for _, s := range p.Shared {
			if s.Rule != Sections {
				return fmt.Errorf("shared file %s: unknown rule %q", s.Path, s.Rule)
			}
		}
	}
	for _, e := range req.Extra {
		if !isCleanPath(e.Path) || e.Path == "." || e.Kind != tree.File && e.Kind != tree.Symlink {
			return fmt.Errorf("extra entry %q is not a file or symlink at a clean path in the view", e.Path)
		}
	}
	for _, rw := range req.Rewrites {
		if err := checkRewrite(rw); err != nil {
			return err
		}
	}
	return req.checkProof()
}

func checkRoot(root string, before []Part) error {
	if !isCleanPath(root) {
		return fmt.Errorf("part %q is not a clean path in the view", root)
	}
	for _, other := range before {
		if root == "." || other.Root == "." || tree.Within(root, other.Root) || tree.Within(other.Root, root) {
			return fmt.Errorf("parts %q and %q overlap", other.Root, root)
		}
	}
	return nil
}

// isCleanPath reports whether a path stays in the view and has one form.
func isCleanPath(p string) bool { return filepath.IsLocal(p) && path.Clean(p) == p }

func checkRewrite(rw Rewrite) error {
	for _, p := range []string{rw.From, rw.To} {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p || strings.ContainsAny(p, "\x00\n") {
			return fmt.Errorf("prefix %q is not a clean absolute path", p)
		}
	}
	return nil
}

// checkProof makes sure that what is to be proven can be true.
func (req *Request) checkProof() error {
	for _, s := range append(req.placeholders(), req.Forbidden...) {
		if len(s) < windowSize {
			return fmt.Errorf("%q is too short to be proven absent: it has fewer than %d bytes", s, windowSize)
		}
	}
	s := newScanner(req.placeholders(), req.Forbidden)
	for _, rw := range req.Rewrites {
		if m, found := s.find([]byte(rw.To)); found {
			return fmt.Errorf("the prefix %s holds %s, which no file of the view may hold", rw.To, m.what)
		}
	}
	return nil
}

// placeholders returns all placeholders of which no piece may be left.
func (req *Request) placeholders() []string {
	var all []string
	for _, rw := range req.Rewrites {
		all = append(all, rw.From)
	}
	return append(all, req.Placeholders...)
}
