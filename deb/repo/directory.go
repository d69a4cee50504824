package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/envbuild/envbuild/internal/digest"
)

const (
	// privateDir holds what belongs to the directory itself and not to the repository.
	privateDir = stateDir + "local/"
	tempDir    = privateDir + "tmp"
	// lockFile makes its holder the only publisher, replaceFile the only one who
	// compares and renames, which takes a moment.
	lockFile    = privateDir + "lock"
	replaceFile = privateDir + "replace"
	// smallFile is what is read whole: its version is its content's digest. A
	// larger file's is its identity, which the file system may give again.
	smallFile = 1 << 20
)

// Directory is a Storage in the local file system, or in one that behaves like it:
// names are taken without overwriting, renames are atomic, flock works.
// Any web server can serve it, and apt reads it by file:.
//
// It is a Lister, a Locker (other machines that share the directory are locked out
// as far as its file system shares flock), a Copier (by hard links), a Batcher and
// a Sweeper.
type Directory struct {
	root string
	now  func() time.Time
}

// NewDirectory returns the storage below root, an absolute path. The directory is
// made when something is written. now is the clock of the files' times, by
// which web servers and clients know whether something is new.
func NewDirectory(root string, now func() time.Time) *Directory {
	return &Directory{root: filepath.Clean(root), now: now}
}

// Root is the directory's absolute path.
func (f *Directory) Root() string { return f.root }

func (f *Directory) path(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(f.root, filepath.FromSlash(name)), nil
}

// Get implements Storage. The body is an io.ReaderAt.
func (f *Directory) Get(ctx context.Context, name string) (*File, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	file, err := openFile(path)
	if err != nil {
		return nil, f.explain(err)
	}
	return file, nil
}

func openFile(path string) (*File, error) {
	in, err := os.Open(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, in.Close())
	case !info.Mode().IsRegular():
		return nil, errors.Join(&fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}, in.Close())
	case info.Size() <= smallFile:
		data, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return nil, err
		}
		return &File{
			ReadCloser: inMemory{bytes.NewReader(data)}, Size: int64(len(data)),
			Version: Version(digest.Sum(data).String()), Modified: info.ModTime(),
		}, nil
	}
	st := info.Sys().(*syscall.Stat_t)
	v := fmt.Sprintf("%d-%d-%d-%d", st.Ino, info.Size(), info.ModTime().UnixNano(), st.Ctim.Nano())
	return &File{ReadCloser: in, Size: info.Size(), Version: Version(v), Modified: info.ModTime()}, nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// Remove implements Storage.
func (f *Directory) Remove(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := removeAny(path); err != nil && !errors.Is(err, syscall.ENOTDIR) {
		return f.explain(err)
	}
	for dir := filepath.Dir(path); dir != f.root && os.Remove(dir) == nil; {
		dir = filepath.Dir(dir) // as far as they are empty
	}
	return nil
}

// Lock implements Locker.
func (f *Directory) Lock(ctx context.Context, onWait func()) (context.Context, func() error, error) {
	path := filepath.Join(f.root, lockFile)
	if err := makeDirs(filepath.Dir(path), nil); err != nil {
		return nil, nil, f.explain(fmt.Errorf("lock %s: %w", f.root, err))
	}
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err == nil && !ok {
		if onWait != nil {
			onWait()
		}
		err = waitLock(ctx, lock)
	}
	if err != nil {
		return nil, nil, f.explain(fmt.Errorf("lock %s: %w", f.root, err))
	}
	return ctx, lock.Close, nil
}

// waitLock waits in the kernel's queue: who asks again and again loses to those
// who come later.
func waitLock(ctx context.Context, lock *flock.Flock) error {
	got := make(chan error, 1)
	go func() { got <- lock.Lock() }()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		go func() { // whenever the lock comes, it isn't wanted any more
			if <-got == nil {
				_ = lock.Close()
			}
		}()
		return context.Cause(ctx)
	}
}

// DirectoryError says what keeps a repository's directory from being written.
type DirectoryError struct {
	Err  error
	hint string
}

func (e *DirectoryError) Error() string { return e.Err.Error() }

func (e *DirectoryError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *DirectoryError) Hint() string { return e.hint }

// explain adds hints to what the file system says.
func (f *Directory) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &DirectoryError{err, "make room on the file system of " + f.root + "; the repository is as it was"}
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return &DirectoryError{err, "let this user write to " + f.root + "; the repository is as it was"}
	}
	return err
}
