package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
)

// Create implements repo.Storage.
func (s *Storage) Create(ctx context.Context, name string, content repo.Content) error {
	at, err := s.path("write", name)
	if err != nil {
		return err
	}
	held := s.holding(ctx)
	taken := &Error{Op: "write", Name: s.Location(name), Err: fs.ErrExist}
	return s.call(ctx, "write", name, func() error {
		if _, err := s.client.Lstat(at); err == nil {
			return taken
		}
		temp := s.temp(held)
		if err := s.upload(ctx, temp, s.watched(name, content)); err != nil {
			return s.lost(held, err)
		}
		return errors.Join(s.lost(held, s.renameNew(temp, at, taken)), s.removeAny(temp))
	})
}

// temp is a name for what is written before it gets its own. Under a lock it lies
// in the lock's own directory: a publisher that has lost it, and may not know, can
// neither write there nor rename from there.
func (s *Storage) temp(held *lock) string {
	if held != nil {
		return path.Join(held.dir, unique())
	}
	return path.Join(s.root, tempDir, unique())
}

// watched tells how much of a content has been sent.
func (s *Storage) watched(name string, content repo.Content) repo.Content {
	if s.opts.Sent == nil {
		return content
	}
	open := content.Open
	content.Open = func() (io.ReadCloser, error) {
		in, err := open()
		return &watchedReader{ReadCloser: in, moved: func(n int64) { s.opts.Sent(name, n, content.Size) }}, err
	}
	return content
}

type watchedReader struct {
	io.ReadCloser
	n     int64
	moved func(int64)
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if n > 0 {
		r.n += int64(n)
		r.moved(r.n)
	}
	return n, err
}

// Replace implements repo.Storage.
func (s *Storage) Replace(ctx context.Context, name string, data []byte, was repo.Version) error {
	at, err := s.path("write", name)
	if err != nil {
		return err
	}
	held := s.holding(ctx)
	if held == nil && was != repo.Any && was != repo.None {
		// Comparing and renaming needs a lock, if only for that moment.
		lockedCtx, unlock, err := s.Lock(ctx, nil)
		if err != nil {
			return err
		}
		return errors.Join(s.Replace(lockedCtx, name, data, was), unlock())
	}
	changed := &Error{Op: "write", Name: s.Location(name), Err: repo.ErrChanged}
	return s.call(ctx, "write", name, func() error {
		temp := s.temp(held)
		if err := s.upload(ctx, temp, repo.Bytes(data)); err != nil {
			return s.lost(held, err)
		}
		s.commit.Lock()
		defer s.commit.Unlock()
		switch was {
		case repo.None:
			err = s.renameNew(temp, at, changed)
		default:
			if err = s.currently(ctx, name, at, was, changed); err == nil {
				err = s.place(at, func() error { return s.client.PosixRename(temp, at) })
			}
		}
		return errors.Join(s.lost(held, err), s.removeAny(temp))
	})
}

// currently returns changed unless the file has the version.
func (s *Storage) currently(ctx context.Context, name, at string, was repo.Version, changed error) error {
	if was == repo.Any {
		return nil
	}
	f, err := s.open(ctx, name, at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return changed
	case err != nil:
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if f.Version != was {
		return changed
	}
	return nil
}

// Copy implements repo.Copier, by a hard link where the host has them.
func (s *Storage) Copy(ctx context.Context, from, to string) error {
	source, err := s.path("copy", from)
	if err != nil {
		return err
	}
	at, err := s.path("copy", to)
	if err != nil {
		return err
	}
	held := s.holding(ctx)
	return s.call(ctx, "copy", from, func() error {
		if _, err := s.client.Stat(source); err != nil {
			return err
		}
		temp := s.temp(held)
		if err := s.place(temp, func() error { return s.client.Link(source, temp) }); err != nil {
			if err := s.transfer(ctx, from, source, temp); err != nil {
				return s.lost(held, err)
			}
		}
		// A rename between two names of one file does nothing; then temp remains.
		err := s.place(at, func() error { return s.client.PosixRename(temp, at) })
		return errors.Join(s.lost(held, err), s.removeAny(temp))
	})
}

// Remove implements repo.Storage.
func (s *Storage) Remove(ctx context.Context, name string) error {
	at, err := s.path("remove", name)
	if err != nil {
		return err
	}
	held := s.holding(ctx)
	return s.call(ctx, "remove", name, func() error {
		remove := s.removeAny
		if held != nil {
			remove = func(at string) error { return s.removeHeld(held, at) }
		}
		if err := remove(at); err != nil {
			return err
		}
		for dir := path.Dir(at); dir != s.root && s.client.RemoveDirectory(dir) == nil; {
			dir = path.Dir(dir) // as far as they are empty
		}
		return nil
	})
}

// removeHeld removes a file by way of the lock's directory: who has lost the lock
// can't rename it to there. A directory stays where it is, whatever is in it.
func (s *Storage) removeHeld(held *lock, at string) error {
	info, err := s.client.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory")
	}
	if err != nil {
		return err
	}
	gone := s.temp(held)
	err = s.lost(held, s.client.PosixRename(at, gone))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed just now
	}
	if err != nil {
		return err
	}
	return s.removeAny(gone)
}

// transfer copies through this machine.
func (s *Storage) transfer(ctx context.Context, name, source, dest string) error {
	f, err := s.open(ctx, name, source)
	if err != nil {
		return err
	}
	sum, size, err := digest.SumReader(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.upload(ctx, dest, repo.Content{Size: size, SHA256: sum, Open: func() (io.ReadCloser, error) {
		f, err := s.open(ctx, name, source)
		if err != nil {
			return nil, err
		}
		return f, nil
	}})
}

// upload writes content to a new file, durably if the host can, and removes it if
// that fails.
func (s *Storage) upload(ctx context.Context, at string, content repo.Content) error {
	in, err := content.Open()
	if err != nil {
		return &localError{err}
	}
	var f *sftp.File
	err = s.place(at, func() (err error) {
		f, err = s.client.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		return err
	})
	if err != nil {
		return errors.Join(err, in.Close())
	}
	err = s.fill(ctx, f, in, content)
	err = errors.Join(err, f.Close(), in.Close())
	if err != nil {
		return errors.Join(s.full(err), s.removeAny(at))
	}
	return nil
}

func (s *Storage) fill(ctx context.Context, f *sftp.File, in io.Reader, content repo.Content) error {
	sum := digest.NewWriter(io.Discard)
	// The limit tells the library the size: then many requests are on their way at
	// once. One byte more shows that there is more.
	r := &io.LimitedReader{R: io.TeeReader(cancel.Reader(ctx, localReader{in}), sum), N: content.Size + 1}
	if _, err := f.ReadFrom(r); err != nil {
		return err
	}
	if got := sum.SHA256(); got != content.SHA256 || sum.Size() != content.Size {
		return &repo.ContentError{Want: content.SHA256, Got: got}
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if !s.sync {
		return nil
	}
	return f.Sync()
}

// full says whether it is the disk: OpenSSH itself says no more than "Failure".
func (s *Storage) full(err error) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) {
		return err
	}
	if st, statErr := s.client.StatVFS(s.root); statErr == nil && st.Bavail == 0 {
		return &fullError{err}
	}
	return err
}

// renameNew is a rename that overwrites nothing: OpenSSH makes it of link and
// unlink. The error is taken if there is a file.
func (s *Storage) renameNew(temp, at string, taken error) error {
	err := s.place(at, func() error { return s.client.Rename(temp, at) })
	if err == nil {
		return nil
	}
	if _, there := s.client.Lstat(at); there == nil {
		return taken
	}
	return err
}

// place makes the directory of a file, as often as somebody removes it meanwhile, and
// calls move to put the file there.
func (s *Storage) place(at string, move func() error) error {
	for try := 0; ; try++ {
		err := move()
		if !errors.Is(err, fs.ErrNotExist) || try == 10 || s.isLock(path.Dir(at)) {
			return err
		}
		// What is missing may as well be what is moved.
		if _, there := s.client.Stat(path.Dir(at)); there == nil && try > 0 {
			return err
		}
		if err := s.client.MkdirAll(path.Dir(at)); err != nil && !errors.Is(err, fs.ErrExist) {
			if _, there := s.client.Stat(path.Dir(at)); there != nil && !errors.Is(there, fs.ErrNotExist) {
				return fmt.Errorf("make the directory %s: %w", path.Dir(at), err)
			}
			if errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("make the directory %s: %w", path.Dir(at), err)
			}
		}
	}
}

func (s *Storage) removeAny(at string) error {
	if err := s.client.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
