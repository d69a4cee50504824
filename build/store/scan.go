package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/tree"
)

// outputTime is the modification time of everything in an output, in seconds.
// It isn't 0, which some programs take for "not set".
const outputTime = 1

// The modes of everything in an output.
const (
	fileMode       fs.FileMode = 0o644
	executableMode fs.FileMode = 0o755
)

func outputMode(executable bool) fs.FileMode {
	if executable {
		return executableMode
	}
	return fileMode
}

// scan lists a tree and opens directories that are closed to their owner on the
// way.
func scan(ctx context.Context, dir string) ([]tree.Entry, error) {
	return tree.ScanFunc(dir, func(dir string) error { return errors.Join(ctx.Err(), os.Chmod(dir, executableMode)) })
}

// normalise gives everything in a tree the modes and the time of an output, so
// that it can be read too, and makes copies of files that have further names
// outside of the tree, through which somebody could change them later.
func normalise(dir string, entries []tree.Entry) error {
	names := map[string][]string{} // of each file
	for i := range entries {
		e := &entries[i]
		switch e.Kind {
		case tree.Hardlink:
			names[e.Target] = append(names[e.Target], e.Source)
			fallthrough
		case tree.File:
			e.Mode = outputMode(e.Executable())
		}
	}
	for _, e := range entries {
		if e.Kind != tree.File {
			continue
		}
		if err := os.Chmod(e.Source, e.Mode); err != nil {
			return err
		}
		if err := detach(append([]string{e.Source}, names[e.Path]...), e.Mode); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := setTime(filepath.Join(dir, e.Path)); err != nil {
			return err
		}
	}
	return setTime(dir)
}

// detach puts a copy in the place of all the names of a file if it has others.
func detach(names []string, mode fs.FileMode) error {
	fi, err := os.Lstat(names[0])
	if err != nil {
		return err
	}
	if _, all := tree.InodeOf(fi); all <= uint64(len(names)) {
		return nil
	}
	temp := names[0] + ".envbuild-copy"
	for i, name := range names {
		var err error
		if i == 0 {
			if err = tree.CopyFile(name, temp); err == nil {
				err = os.Chmod(temp, mode)
			}
		} else {
			err = os.Link(names[0], temp)
		}
		if err == nil {
			err = os.Rename(temp, name)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(temp))
		}
	}
	return nil
}

// setTime works on a link itself, not on what it leads to.
func setTime(path string) error {
	t := []unix.Timespec{{Sec: outputTime}, {Sec: outputTime}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, t, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimensat", Path: path, Err: err}
	}
	return nil
}
