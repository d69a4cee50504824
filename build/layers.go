package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/envbuild/envbuild/build/sandbox"
)

// placedTree is an output at one of its places below a prefix.
type placedTree struct {
	tree  string
	place string // "" is the prefix itself
}

// layers returns one layer for each prefix of the closure and of the step, in the
// order in which they first occur. The step's own comes last and receives what it
// adds in upper. What overlayfs can't show as it is (outputs that stand below
// their prefix, and more outputs than maxLowers) is merged below dir.
func (j *stepJob) layers(upper, dir string, maxLowers int) ([]sandbox.Layer, error) {
	var prefixes []string
	trees := map[string][]placedTree{j.step.Prefix: nil}
	for _, dep := range j.closure {
		prefix := dep.Step.Prefix
		if _, ok := trees[prefix]; !ok {
			prefixes = append(prefixes, prefix)
		}
		for _, place := range dep.Step.AllPlaces() {
			trees[prefix] = append(trees[prefix], placedTree{dep.Tree, place})
		}
	}
	var layers []sandbox.Layer
	for _, prefix := range append(prefixes, j.step.Prefix) {
		m := lowerMerger{dir: filepath.Join(dir, strconv.Itoa(len(layers))), max: maxLowers}
		lowers, err := m.lowers(trees[prefix])
		if err != nil {
			return nil, fmt.Errorf("merge what %s needs: %w", j.step.ID, err)
		}
		layers = append(layers, sandbox.Layer{Prefix: prefix, Lowers: lowers})
	}
	layers[len(layers)-1].Upper = upper
	return layers, nil
}

// lowerMerger turns trees into the lower directories of one layer.
type lowerMerger struct {
	dir string // in which merged trees are made
	max int
	n   int // merged trees so far
}

// lowers keeps the trees' order, in which the first that has a path is seen: it
// merges neighbours only.
func (m *lowerMerger) lowers(trees []placedTree) ([]string, error) {
	var lowers []string
	for i := 0; i < len(trees); {
		if len(lowers) == m.max-1 && len(trees)-i > 1 {
			merged, err := m.merge(trees[i:])
			return append(lowers, merged), err
		}
		end := i
		for end < len(trees) && trees[end].place != "" {
			end++
		}
		if end == i {
			lowers = append(lowers, trees[i].tree)
			i++
			continue
		}
		merged, err := m.merge(trees[i:end])
		if err != nil {
			return nil, err
		}
		lowers = append(lowers, merged)
		i = end
	}
	return lowers, nil
}

func (m *lowerMerger) merge(trees []placedTree) (string, error) {
	to := filepath.Join(m.dir, strconv.Itoa(m.n))
	m.n++
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	for _, t := range trees {
		if err := mergeTree(t, to); err != nil {
			return "", err
		}
	}
	return to, setDirTimes(to)
}

// mergeTree gives the tree's files further names below the directory to. What is
// there already stays, as in an overlay. Nothing writes through such a name:
// overlayfs copies a lower file before it changes it, and so do the tiers without
// mounts.
func mergeTree(t placedTree, to string) error {
	root, ok, err := makePlace(to, t.place)
	if err != nil || !ok {
		return err
	}
	return filepath.WalkDir(t.tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == t.tree {
			return err
		}
		rel, err := filepath.Rel(t.tree, path)
		if err != nil {
			return err
		}
		target := filepath.Join(root, rel)
		have, err := os.Lstat(target)
		switch {
		case err == nil && have.IsDir() && d.IsDir():
			return nil
		case err == nil && d.IsDir():
			return fs.SkipDir // hidden by a file
		case err == nil:
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return err
		case d.IsDir():
			return os.Mkdir(target, 0o755)
		}
		return linkOrCopy(path, target)
	})
}

// makePlace makes the directories down to a place, one by one: an output may have a
// symlink on the way, which must not be followed. It reports false where something
// else has the name of one: that hides the place.
func makePlace(root, place string) (path string, ok bool, err error) {
	path = root
	if place == "" {
		return path, true, nil
	}
	for name := range strings.SplitSeq(place, "/") {
		path = filepath.Join(path, name)
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", false, err
		}
		if fi, err := os.Lstat(path); err != nil || !fi.IsDir() {
			return "", false, err
		}
	}
	return path, true, nil
}

// linkOrCopy copies where the file system takes no further name of the file: ext4
// ends at 65,000, and a mount may lie between.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EMLINK) && !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EPERM) {
		return err
	}
	fi, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	return copyWithTimes(from, to, fi)
}

func copyWithTimes(from, to string, fi fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fi.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(fi.Mode().Perm()), out.Close(), os.Chtimes(to, fi.ModTime(), fi.ModTime()))
}

// setDirTimes gives the directories of a merged tree the time of outputs.
func setDirTimes(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	for _, dir := range dirs {
		err = errors.Join(err, os.Chtimes(dir, time.Unix(1, 0), time.Unix(1, 0)))
	}
	return err
}
