package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/envbuild/envbuild/internal/digest"
	"golang.org/x/sys/unix"
)

// outputTime is the modification time of everything in an output, in seconds.
// It isn't 0, which some programs take for "not set".
const outputTime = 1

// The modes of everything in an output.
const (
	fileMode       fs.FileMode = 0o644
	executableMode fs.FileMode = 0o755
)

// node is something found in a tree, before it is hashed.
type node struct {
	path string // relative to the tree
	full string
	mode fs.FileMode
	size int64
	// inode and links tell which names are one file.
	inode, links uint64
}

// walk lists a tree, sorted by path, without the root. With open, folders that
// are closed to their owner are opened on the way.
func walk(ctx context.Context, tree string, open bool) ([]node, error) {
	var nodes []node
	err := filepath.WalkDir(tree, func(full string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() && open {
			if err := os.Chmod(full, executableMode); err != nil {
				return err
			}
		}
		if full == tree {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("%s: no inode is known", full)
		}
		nodes = append(nodes, node{
			path: strings.TrimPrefix(full, tree+"/"), full: full, mode: fi.Mode(), size: fi.Size(),
			inode: st.Ino, links: uint64(st.Nlink),
		})
		return nil
	})
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.path, b.path) })
	return nodes, err
}

// describe hashes the files of a tree, in parallel, and makes the manifest.
func describe(ctx context.Context, nodes []node, parallel int) (*Manifest, error) {
	m := &Manifest{Entries: make([]Entry, len(nodes))}
	first := map[uint64]int{} // by inode
	var files []int
	for i, n := range nodes {
		e := &m.Entries[i]
		e.Path = n.path
		switch n.mode.Type() {
		case fs.ModeDir:
			e.Kind = Dir
		case fs.ModeSymlink:
			target, err := os.Readlink(n.full)
			if err != nil {
				return nil, err
			}
			e.Kind, e.Target = Symlink, target
		case 0:
			e.Kind, e.Executable = File, n.mode&0o111 != 0
			if j, ok := first[n.inode]; ok && n.links > 1 {
				e.Kind, e.Target = Hardlink, nodes[j].path
				continue
			}
			first[n.inode] = i
			files = append(files, i)
		default:
			return nil, &FileTypeError{Path: n.path, Mode: n.mode}
		}
	}
	err := each(ctx, parallel, files, func(i int) error {
		e := &m.Entries[i]
		var err error
		e.SHA256, e.Size, err = hashFile(nodes[i].full)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, e := range m.Entries {
		if e.Kind == Hardlink {
			f := m.Entries[first[nodes[i].inode]]
			m.Entries[i].Executable, m.Entries[i].Size, m.Entries[i].SHA256 = f.Executable, f.Size, f.SHA256
		}
	}
	return m, nil
}

func hashFile(path string) (digest.SHA256, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return digest.SHA256{}, 0, err
	}
	defer f.Close()
	return digest.SumReader(f)
}

// normalise gives everything in a tree the modes and the time of an output, so
// that it can be read too, and makes copies of files that have further names
// outside of the tree, through which somebody could change them later.
func normalise(tree string, nodes []node) error {
	names := map[uint64][]node{}
	for _, n := range nodes {
		if n.mode.IsRegular() {
			names[n.inode] = append(names[n.inode], n)
		}
	}
	for _, n := range nodes {
		if !n.mode.IsRegular() {
			continue
		}
		mode := fileMode
		if n.mode&0o111 != 0 {
			mode = executableMode
		}
		if err := os.Chmod(n.full, mode); err != nil {
			return err
		}
		if group := names[n.inode]; group[0].path == n.path && n.links > uint64(len(group)) {
			if err := detach(group, mode); err != nil {
				return err
			}
		}
	}
	for _, n := range nodes {
		if err := setTime(n.full); err != nil {
			return err
		}
	}
	return setTime(tree)
}

// detach puts a copy in the place of all the names.
func detach(names []node, mode fs.FileMode) error {
	temp := names[0].full + ".envbuild-copy"
	for i, n := range names {
		var err error
		if i == 0 {
			err = copyFile(n.full, temp, mode)
		} else {
			err = os.Link(names[0].full, temp)
		}
		if err == nil {
			err = os.Rename(temp, n.full)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(temp))
		}
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// setTime works on a link itself, not on what it leads to.
func setTime(path string) error {
	t := []unix.Timespec{{Sec: outputTime}, {Sec: outputTime}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, t, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimensat", Path: path, Err: err}
	}
	return nil
}

// each calls do for all items, several at a time. It stops at the first error or
// when ctx ends.
func each[T any](ctx context.Context, parallel int, items []T, do func(T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan T)
	var workers sync.WaitGroup
	for range min(parallel, len(items)) {
		workers.Go(func() {
			for item := range todo {
				if err := do(item); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		todo <- item
	}
	close(todo)
	workers.Wait()
	return context.Cause(ctx)
}
