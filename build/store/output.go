package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
)

// Names inside the directory of an output.
const (
	treeName     = "tree"
	manifestName = "manifest"
	bootName     = "boot"
)

// Output is a tree that a step added, in the store. Nobody may change it.
type Output struct {
	ID digest.ID
	// Tree is the absolute path of the directory.
	Tree     string
	Manifest *Manifest
}

// PutOutput stores the content of dir, which must be on the store's file system
// (TempDir is) and which it takes over: dir is gone afterwards, also when it
// fails. Modes become 0644, or 0755 for directories and for files that anyone may
// execute; set-id bits and times are lost; names of one file stay names of one
// file. Anything but files, directories and links is a
// *tree.TypeError. If the store
// has the same content already, that is kept.
func (s *Store) PutOutput(ctx context.Context, dir string) (*Output, error) {
	staging, remove, err := s.TempDir("output")
	if err != nil {
		return nil, errors.Join(err, tree.RemoveAll(dir))
	}
	out, err := s.putOutput(ctx, dir, staging)
	return out, s.explain(errors.Join(err, tree.RemoveAll(dir), remove()))
}

func (s *Store) putOutput(ctx context.Context, dir, staging string) (*Output, error) {
	root := filepath.Join(staging, treeName)
	// A directory that its owner can't write to can't be moved.
	if err := os.Chmod(dir, executableMode); err != nil {
		return nil, err
	}
	if err := os.Rename(dir, root); err != nil {
		return nil, err
	}
	entries, err := scan(ctx, root)
	if err != nil {
		return nil, err
	}
	if err := normalise(root, entries); err != nil {
		return nil, err
	}
	if err := tree.Sum(ctx, entries, s.opts.Parallel); err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].Source = "" // moves with the tree
	}
	manifest := &Manifest{Entries: entries}
	encoded := manifest.Encode()
	if err := os.WriteFile(filepath.Join(staging, manifestName), encoded, 0o644); err != nil {
		return nil, err
	}
	// The tree's files are not synced: with 4 ms each, that would cost more than
	// many steps take. A crash of the machine shows in another boot ID, and then
	// complete hashes them.
	if err := os.WriteFile(filepath.Join(staging, bootName), []byte(s.opts.BootID), 0o644); err != nil {
		return nil, err
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return nil, err
	}
	return s.publishOutput(ctx, staging, &Output{ID: manifestID(encoded), Manifest: manifest})
}

// publishOutput moves a finished output to its place. What is there already is
// kept if it is sound; that it is asked for again may be because it isn't.
func (s *Store) publishOutput(ctx context.Context, staging string, out *Output) (*Output, error) {
	place := s.outputPath(out.ID)
	out.Tree = filepath.Join(place, treeName)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return nil, err
	}
	err := os.Rename(staging, place)
	if !errors.Is(err, fs.ErrExist) {
		return out, err
	}
	err = s.Verify(ctx, out.ID)
	if !errors.Is(err, ErrMissing) {
		return out, err
	}
	s.warn(err)
	if err := s.dropOutput(out.ID); err != nil {
		return nil, err
	}
	if err := os.Rename(staging, place); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return out, nil
}

// Output returns the output with that ID. It fails with ErrMissing if there is
// none or if it isn't whole. One that was last proved under another boot of the
// machine, or on another machine, is hashed first.
func (s *Store) Output(ctx context.Context, id digest.ID) (*Output, error) {
	if err := s.complete(ctx, id); err != nil {
		return nil, err
	}
	manifest, err := s.manifest(id)
	if err != nil {
		return nil, err
	}
	return &Output{ID: id, Tree: s.Tree(id), Manifest: manifest}, nil
}

// Entries lists the output's tree with the files in which the content is.
func (o *Output) Entries() []tree.Entry {
	entries := slices.Clone(o.Manifest.Entries)
	for i := range entries {
		if e := &entries[i]; e.Kind == tree.File || e.Kind == tree.Hardlink {
			e.Source = filepath.Join(o.Tree, filepath.FromSlash(e.Path))
		}
	}
	return entries
}

// Tree returns the path that the output's tree has if it is in the store.
func (s *Store) Tree(id digest.ID) string { return filepath.Join(s.outputPath(id), treeName) }

func (s *Store) outputPath(id digest.ID) string { return s.entry(outputsDir, id.String()) }

func (s *Store) manifestPath(id digest.ID) string {
	return filepath.Join(s.outputPath(id), manifestName)
}

// manifest reads an output's manifest. One that isn't what its name says is a
// *CorruptError.
func (s *Store) manifest(id digest.ID) (*Manifest, error) {
	data, err := os.ReadFile(s.manifestPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(s.outputPath(id)); err == nil {
			return nil, corruptOutput(id, manifestName, "it is missing")
		}
		return nil, fmt.Errorf("output %s: %w", id.Short(), ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	if got := manifestID(data); got != id {
		return nil, corruptOutput(id, manifestName, "its hash is "+got.String())
	}
	m, err := ParseManifest(data)
	if err != nil {
		return nil, corruptOutput(id, manifestName, err.Error())
	}
	return m, nil
}

func corruptOutput(id digest.ID, file, problem string) *CorruptError {
	return &CorruptError{Entry: "output " + id.Short(), File: file, Problem: problem}
}

// complete fails with ErrMissing unless the output can be used. A damaged one is
// dropped, so that it is made again.
func (s *Store) complete(ctx context.Context, id digest.ID) error {
	if _, err := os.Stat(s.Tree(id)); err != nil {
		return fmt.Errorf("output %s: %w", id.Short(), ErrMissing)
	}
	s.touch(s.manifestPath(id))
	boot, err := os.ReadFile(filepath.Join(s.outputPath(id), bootName))
	if err == nil && string(boot) == s.opts.BootID {
		return nil
	}
	err = s.Verify(ctx, id)
	if errors.Is(err, ErrMissing) {
		s.warn(err)
		return errors.Join(err, s.dropOutput(id))
	}
	if err != nil {
		return err
	}
	return s.writeUnsynced(filepath.Join(s.outputPath(id), bootName), []byte(s.opts.BootID), 0o644)
}

// Verify hashes an output again. It fails with ErrMissing if there is none and
// with a *CorruptError that names the first file that is not what it must be.
func (s *Store) Verify(ctx context.Context, id digest.ID) error {
	want, err := s.manifest(id)
	if err != nil {
		return err
	}
	got, err := tree.ScanFunc(s.Tree(id), func(string) error { return ctx.Err() })
	var other *tree.TypeError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return corruptOutput(id, "", "its tree is gone or changes")
	case errors.As(err, &other):
		return corruptOutput(id, other.Path, "it is "+other.Type())
	case err != nil:
		return err
	}
	if err := tree.Sum(ctx, got, s.opts.Parallel); err != nil {
		return err
	}
	if file, problem := difference(want.Entries, got); problem != "" {
		return corruptOutput(id, file, problem)
	}
	return nil
}

// difference names the first path in which two trees differ.
func difference(want, got []tree.Entry) (file, problem string) {
	for i, w := range want {
		if i >= len(got) {
			return w.Path, "it is missing"
		}
		g := got[i]
		switch strings.Compare(w.Path, g.Path) {
		case -1:
			return w.Path, "it is missing"
		case 1:
			return g.Path, "it doesn't belong there"
		}
		switch {
		case w.Kind != g.Kind:
			return w.Path, fmt.Sprintf("it is a %s instead of a %s", g.Kind, w.Kind)
		case w.SHA256 != g.SHA256:
			return w.Path, fmt.Sprintf("its SHA-256 is %s (%d bytes) instead of %s (%d bytes)", g.SHA256, g.Size, w.SHA256, w.Size)
		case w.Target != g.Target:
			return w.Path, fmt.Sprintf("it is a link to %q instead of %q", g.Target, w.Target)
		case w.Executable() != g.Executable():
			return w.Path, "its executable bit has changed"
		}
	}
	if n := len(want); n < len(got) {
		return got[n].Path, "it doesn't belong there"
	}
	return "", ""
}

// dropOutput takes an output away in one rename and then deletes it.
func (s *Store) dropOutput(id digest.ID) error {
	trash, remove, err := s.TempDir("trash")
	if err != nil {
		return err
	}
	err = os.Rename(s.outputPath(id), filepath.Join(trash, "output"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, remove())
}
