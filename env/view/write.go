package view

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/parallel"
	"github.com/envbuild/envbuild/internal/tree"
)

// writer puts items into a directory, relocated and proven.
type writer struct {
	dir      string
	time     time.Time
	parallel int
	relocate relocator
	scan     *scanner

	mu    sync.Mutex
	leaks []*LeakError
}

func newWriter(req *Request, dir string) *writer {
	return &writer{
		dir: dir, time: req.Time, parallel: max(req.Parallel, 1),
		relocate: relocator{req.Rewrites},
		scan:     newScanner(req.placeholders(), req.Forbidden),
	}
}

// write puts all items into the directory. Leaks don't stop it, so that all of
// them are known at the end.
func (w *writer) write(ctx context.Context, items []*item) error {
	var files []*item
	for _, it := range items {
		w.checkText(it, "name", it.Path)
		if it.Kind == tree.Dir {
			if err := os.Mkdir(w.path(it), 0o700); err != nil {
				return err
			}
		} else if it.leader == nil {
			files = append(files, it)
		}
	}
	if err := w.writeFiles(ctx, files); err != nil {
		return err
	}
	for _, it := range items {
		if it.leader != nil {
			if err := os.Link(w.path(it.leader), w.path(it)); err != nil {
				return err
			}
		}
	}
	if err := w.leaked(); err != nil {
		return err
	}
	return w.finishDirs(items)
}

// writeFiles works on several files at once and stops at the first error.
func (w *writer) writeFiles(ctx context.Context, files []*item) error {
	buffers := sync.Pool{New: func() any { b := make([]byte, max(chunkSize, 4*w.scan.longest)); return &b }}
	return parallel.Each(ctx, w.parallel, len(files), func(_ context.Context, i int) error {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		if err := w.writeItem(files[i], *buf); err != nil {
			return fmt.Errorf("%s: %w", files[i].Path, err)
		}
		return nil
	})
}

func (w *writer) writeItem(it *item, buf []byte) error {
	if it.Kind == tree.Symlink {
		target := w.relocate.target(it.Target)
		w.checkText(it, "link target", target)
		if err := os.Symlink(target, w.path(it)); err != nil {
			return err
		}
		return w.setTime(it)
	}
	if it.Source == "" {
		return w.writeContent(it, it.Content, buf)
	}
	return w.writeFile(it, buf)
}

// writeFile copies a file in the kernel, which shares the blocks where the file
// system can, unless something in it is to be rewritten.
func (w *writer) writeFile(it *item, buf []byte) error {
	src, err := os.Open(it.Source)
	if err != nil {
		return err
	}
	defer src.Close()
	_, found, err := w.scan.read(src, buf)
	if err != nil {
		return err
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if found {
		content, err := io.ReadAll(src)
		if err != nil {
			return err
		}
		return w.writeContent(it, content, buf)
	}
	if err := w.checkInside(it, src, it.Size, buf); err != nil {
		return err
	}
	return w.create(it, src)
}

// writeContent relocates content and writes it.
func (w *writer) writeContent(it *item, content, buf []byte) error {
	content, err := w.relocate.file(it, content)
	if err != nil {
		return err
	}
	if m, found := w.scan.find(content); found {
		w.leak(it, "content", leak{match: m})
	}
	if err := w.checkInside(it, bytes.NewReader(content), int64(len(content)), buf); err != nil {
		return err
	}
	return w.create(it, bytes.NewReader(content))
}

func (w *writer) checkInside(it *item, r io.ReaderAt, size int64, buf []byte) error {
	inside := insider{scan: w.scan, buf: buf}
	l, found, err := inside.search(r, size)
	if found {
		w.leak(it, "content", l)
	}
	return err
}

func (w *writer) checkText(it *item, where, text string) {
	if m, found := w.scan.find([]byte(text)); found {
		w.leak(it, where, leak{match: m})
	}
}

// create writes a file with exactly the mode of the item, whatever the umask.
func (w *writer) create(it *item, content io.Reader) error {
	f, err := os.OpenFile(w.path(it), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err := errors.Join(err, f.Chmod(it.Permissions()), f.Close()); err != nil {
		return err
	}
	return w.setTime(it)
}

func (w *writer) leak(it *item, where string, l leak) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaks = append(w.leaks, &LeakError{
		Path: it.Path, Member: l.member, Layer: it.layer, Offset: l.offset, What: l.what, Where: where,
	})
}

// leaked returns the leak of the first path, so that two runs say the same.
func (w *writer) leaked() error {
	if len(w.leaks) == 0 {
		return nil
	}
	slices.SortStableFunc(w.leaks, func(a, b *LeakError) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Member, b.Member))
	})
	first := w.leaks[0]
	for i, l := range w.leaks[1:] {
		if l.Path != w.leaks[i].Path {
			first.More++
		}
	}
	return first
}

// finishDirs gives directories their mode and, after all that is in them, their
// time.
func (w *writer) finishDirs(items []*item) error {
	root := &item{Entry: tree.Entry{Path: ".", Kind: tree.Dir}}
	for _, it := range slices.Backward(append([]*item{root}, items...)) {
		if it.Kind != tree.Dir {
			continue
		}
		if err := os.Chmod(w.path(it), it.Permissions()); err != nil {
			return err
		}
		if err := w.setTime(it); err != nil {
			return err
		}
	}
	return nil
}

// setTime sets the time of what is at the item's path, also of a link itself.
func (w *writer) setTime(it *item) error {
	ts, err := unix.TimeToTimespec(w.time)
	if err != nil {
		return err
	}
	err = unix.UtimesNanoAt(unix.AT_FDCWD, w.path(it), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &fs.PathError{Op: "utimensat", Path: w.path(it), Err: err}
	}
	return nil
}

func (w *writer) path(it *item) string { return filepath.Join(w.dir, filepath.FromSlash(it.Path)) }
