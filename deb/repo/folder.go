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
	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/digest"
)

const (
	// privateDir holds what belongs to the folder itself and not to the repository.
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

// Folder is a Storage in a folder of the local file system, or one that behaves
// like it: names are taken without overwriting, renames are atomic, flock works.
// Any web server can serve it, and apt reads it by file:.
//
// It is a Lister, a Locker (other machines that share the folder are locked out
// as far as its file system shares flock) and a Copier (by hard links).
type Folder struct {
	root string
	now  func() time.Time
}

// NewFolder returns the storage in the folder root, an absolute path. The folder
// is made when something is written. now is the clock of the files' times, by
// which web servers and clients know whether something is new.
func NewFolder(root string, now func() time.Time) *Folder {
	return &Folder{root: filepath.Clean(root), now: now}
}

// Root is the folder's absolute path.
func (f *Folder) Root() string { return f.root }

func (f *Folder) path(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(f.root, filepath.FromSlash(name)), nil
}

// Get implements Storage. The body is an io.ReaderAt.
func (f *Folder) Get(ctx context.Context, name string) (*File, error) {
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

// Create implements Storage.
func (f *Folder) Create(ctx context.Context, name string, content Content) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	temp, err := f.temp(ctx, content)
	if err != nil {
		return f.explain(fmt.Errorf("write %s: %w", path, err))
	}
	err = f.place(path, func() error { return renameNew(temp, path) })
	return f.explain(errors.Join(err, removeAny(temp)))
}

// Replace implements Storage.
func (f *Folder) Replace(ctx context.Context, name string, data []byte, was Version) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	temp, err := f.temp(ctx, Bytes(data))
	if err != nil {
		return f.explain(fmt.Errorf("write %s: %w", path, err))
	}
	lock := flock.New(filepath.Join(f.root, replaceFile))
	if err := waitLock(ctx, lock); err != nil {
		return f.explain(errors.Join(fmt.Errorf("write %s: %w", path, err), removeAny(temp)))
	}
	err = currently(path, was)
	if err == nil {
		err = f.place(path, func() error { return os.Rename(temp, path) })
	}
	return f.explain(errors.Join(err, removeAny(temp), lock.Close()))
}

// currently returns ErrChanged unless the file has the version.
func currently(path string, was Version) error {
	if was == Any {
		return nil
	}
	file, err := openFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && was == None:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", path, ErrChanged)
	case err != nil:
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if file.Version != was {
		return fmt.Errorf("%s: %w", path, ErrChanged)
	}
	return nil
}

// Remove implements Storage.
func (f *Folder) Remove(ctx context.Context, name string) error {
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

// Copy implements Copier.
func (f *Folder) Copy(ctx context.Context, from, to string) error {
	source, err := f.path(from)
	if err != nil {
		return err
	}
	path, err := f.path(to)
	if err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if was, err := os.Stat(path); err == nil && os.SameFile(info, was) {
		return nil
	}
	// What becomes current again is new for clients, who ask by time.
	now := f.now()
	if err := os.Chtimes(source, now, now); err != nil {
		return f.explain(fmt.Errorf("write %s: %w", path, err))
	}
	temp, err := f.linkTemp(ctx, source)
	if err != nil {
		return f.explain(fmt.Errorf("write %s: %w", path, err))
	}
	// A rename between two names of one file does nothing; then temp remains.
	err = f.move(path, func() error { return os.Rename(temp, path) })
	return f.explain(errors.Join(err, removeAny(temp)))
}

// linkTemp makes a temporary name of a file, or a copy where there are no links.
func (f *Folder) linkTemp(ctx context.Context, source string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	out, err := f.openTemp()
	if err != nil {
		return "", err
	}
	name := out.Name() + ".link"
	if err := errors.Join(out.Close(), os.Remove(out.Name())); err != nil {
		return "", err
	}
	if os.Link(source, name) == nil {
		return name, nil
	}
	in, err := os.Open(source)
	if err != nil {
		return "", err
	}
	sum, size, err := digest.SumReader(in)
	if err := errors.Join(err, in.Close()); err != nil {
		return "", err
	}
	return f.temp(ctx, Content{Size: size, SHA256: sum, Open: func() (io.ReadCloser, error) { return os.Open(source) }})
}

// Lock implements Locker.
func (f *Folder) Lock(ctx context.Context, onWait func()) (context.Context, func() error, error) {
	path := filepath.Join(f.root, lockFile)
	if err := makeDirs(filepath.Dir(path)); err != nil {
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

// temp writes content to a temporary file, durably, and returns its path.
func (f *Folder) temp(ctx context.Context, content Content) (path string, err error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	in, err := content.Open()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := f.openTemp()
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAny(out.Name()))
		}
	}()
	err = copyChecked(ctx, out, in, content)
	if err == nil {
		err = out.Chmod(0o644)
	}
	if err == nil {
		now := f.now()
		err = os.Chtimes(out.Name(), now, now)
	}
	if err == nil {
		err = out.Sync()
	}
	return out.Name(), errors.Join(err, out.Close())
}

func (f *Folder) openTemp() (*os.File, error) {
	dir := filepath.Join(f.root, tempDir)
	out, err := os.CreateTemp(dir, atomicfile.TempPrefix+"*")
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(dir); err != nil {
			return nil, err
		}
		out, err = os.CreateTemp(dir, atomicfile.TempPrefix+"*")
	}
	return out, err
}

// ContentError says that what was to be written is not what was announced: the
// file was changed while it was read.
type ContentError struct{ Want, Got digest.SHA256 }

func (e *ContentError) Error() string {
	return fmt.Sprintf("the content changed while it was read: its SHA-256 was %s, is %s", e.Want, e.Got)
}

func copyChecked(ctx context.Context, out io.Writer, in io.Reader, content Content) error {
	h := digest.NewWriter(out)
	if _, err := io.Copy(h, &contextReader{ctx, in}); err != nil {
		return err
	}
	if got := h.SHA256(); got != content.SHA256 || h.Size() != content.Size {
		return &ContentError{Want: content.SHA256, Got: got}
	}
	return nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// place moves a file to path, durably.
func (f *Folder) place(path string, move func() error) error {
	if err := f.move(path, move); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// move makes the folder of path, as often as somebody removes it meanwhile, and
// moves a file there.
func (f *Folder) move(path string, move func() error) error {
	for try := 0; ; try++ {
		err := move()
		if !errors.Is(err, fs.ErrNotExist) || try == 10 {
			return err
		}
		if err := makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
	}
}

// renameNew is a rename that overwrites nothing.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that can't
		err = os.Link(from, to)
	}
	if err != nil {
		return &fs.PathError{Op: "create", Path: to, Err: err}
	}
	return nil
}

// makeDirs makes a folder and those above it, durably.
func makeDirs(dir string) error {
	err := os.Mkdir(dir, 0o755)
	switch {
	case err == nil:
		return atomicfile.SyncDir(filepath.Dir(dir))
	case errors.Is(err, fs.ErrExist):
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

func removeAny(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// FolderError says what keeps a repository's folder from being written.
type FolderError struct {
	Err  error
	hint string
}

func (e *FolderError) Error() string { return e.Err.Error() }

func (e *FolderError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *FolderError) Hint() string { return e.hint }

// explain adds hints to what the file system says.
func (f *Folder) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &FolderError{err, "make room on the file system of " + f.root + "; the repository is as it was"}
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return &FolderError{err, "let this user write to " + f.root + "; the repository is as it was"}
	}
	return err
}
