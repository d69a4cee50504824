package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// Create implements Storage.
func (f *Directory) Create(ctx context.Context, name string, content Content) error {
	return f.CreateAll(ctx, []NewFile{{name, content}})[0]
}

// CreateAll implements Batcher: the files are synced at once, then their directories.
func (f *Directory) CreateAll(ctx context.Context, files []NewFile) []error {
	errs, dirs := make([]error, len(files)), &dirtyDirs{}
	if err := parallel.Each(ctx, maxParallel, len(files), func(ctx context.Context, i int) error {
		errs[i] = f.createOne(ctx, files[i], dirs)
		return nil // each tells for itself
	}); err != nil {
		return fill(errs, err)
	}
	if err := dirs.sync(ctx); err != nil {
		return fill(errs, f.explain(err))
	}
	return errs
}

// fill puts an error where there is none.
func fill(errs []error, err error) []error {
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

func (f *Directory) createOne(ctx context.Context, file NewFile, dirs *dirtyDirs) error {
	path, err := f.path(file.Name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	temp, err := f.temp(ctx, file.Content)
	if err != nil {
		return f.explain(fmt.Errorf("write %s: %w", path, err))
	}
	err = move(path, dirs, func() error { return renameNew(temp, path) })
	return f.explain(errors.Join(err, removeAny(temp)))
}

// Replace implements Storage.
func (f *Directory) Replace(ctx context.Context, name string, data []byte, was Version) error {
	return f.ReplaceAll(ctx, []Replacement{{name, data, was}})
}

// ReplaceAll implements Batcher: the files are synced at once, then renamed one
// after the other, then their directories are synced.
func (f *Directory) ReplaceAll(ctx context.Context, files []Replacement) (err error) {
	temps, paths := make([]string, len(files)), make([]string, len(files))
	defer func() {
		for _, temp := range temps {
			err = errors.Join(err, removeAny(temp))
		}
		err = f.explain(err)
	}()
	err = parallel.Each(ctx, maxParallel, len(files), func(ctx context.Context, i int) (err error) {
		if paths[i], err = f.path(files[i].Name); err != nil {
			return err
		}
		if temps[i], err = f.temp(ctx, Bytes(files[i].Data)); err != nil {
			return fmt.Errorf("write %s: %w", paths[i], err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(f.root, replaceFile))
	if err := waitLock(ctx, lock); err != nil {
		return err
	}
	dirs := &dirtyDirs{}
	for i, path := range paths {
		if err = currently(path, files[i].Was); err != nil {
			break
		}
		if err = move(path, dirs, func() error { return os.Rename(temps[i], path) }); err != nil {
			break
		}
	}
	return errors.Join(err, lock.Close(), dirs.sync(context.WithoutCancel(ctx)))
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

// Copy implements Copier.
func (f *Directory) Copy(ctx context.Context, from, to string) error {
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
	err = move(path, nil, func() error { return os.Rename(temp, path) })
	return f.explain(errors.Join(err, removeAny(temp)))
}

// linkTemp makes a temporary name of a file, or a copy where there are no links.
func (f *Directory) linkTemp(ctx context.Context, source string) (string, error) {
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

// temp writes content to a temporary file, durably, and returns its path.
func (f *Directory) temp(ctx context.Context, content Content) (path string, err error) {
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

func (f *Directory) openTemp() (*os.File, error) {
	dir := filepath.Join(f.root, tempDir)
	out, err := os.CreateTemp(dir, atomicfile.TempPrefix+"*")
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(dir, nil); err != nil {
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
	if _, err := io.Copy(h, cancel.Reader(ctx, in)); err != nil {
		return err
	}
	if got := h.SHA256(); got != content.SHA256 || h.Size() != content.Size {
		return &ContentError{Want: content.SHA256, Got: got}
	}
	return nil
}

// dirtyDirs are directories whose entries were changed. Nil is for changes that may
// be lost.
type dirtyDirs struct {
	mu   sync.Mutex
	dirs []string
}

func (d *dirtyDirs) add(dir string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirs = append(d.dirs, dir)
}

// sync makes the changes durable.
func (d *dirtyDirs) sync(ctx context.Context) error {
	slices.Sort(d.dirs)
	dirs := slices.Compact(d.dirs)
	return parallel.Each(ctx, maxParallel, len(dirs), func(_ context.Context, i int) error { return atomicfile.SyncDir(dirs[i]) })
}

// move makes the directory of path, as often as somebody removes it meanwhile, and
// moves a file there.
func move(path string, dirs *dirtyDirs, rename func() error) error {
	for try := 0; ; try++ {
		err := rename()
		if err == nil {
			dirs.add(filepath.Dir(path))
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 10 {
			return err
		}
		if err := makeDirs(filepath.Dir(path), dirs); err != nil {
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

// makeDirs makes a directory and those above it.
func makeDirs(dir string, dirs *dirtyDirs) error {
	err := os.Mkdir(dir, 0o755)
	switch {
	case err == nil:
		dirs.add(filepath.Dir(dir))
		return nil
	case errors.Is(err, fs.ErrExist):
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := makeDirs(filepath.Dir(dir), dirs); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dirs.add(filepath.Dir(dir))
	return nil
}

func removeAny(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
