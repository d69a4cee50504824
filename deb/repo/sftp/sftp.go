// Package sftp keeps repositories in directories of other hosts, over SSH's own
// file transfer: through the machine's ssh(1), which knows the user's settings,
// agents and hosts. The other side needs no envbuild: OpenSSH's sftp-server is
// enough.
package sftp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
)

// Options say where the directory is.
type Options struct {
	// Host is a name, an address, or an alias of ~/.ssh/config. User is empty and
	// Port 0 for what that says.
	Host, User string
	Port       int
	// Path is the directory, relative to the login's own unless it is absolute.
	Path string
	// Variables is what the names of the target's variables begin with: _KEY_FILE
	// is a private key's file, _PASSPHRASE opens it, _PASSWORD is the login's,
	// _KNOWN_HOSTS_FILE replaces ~/.ssh/known_hosts, and _SSH_CONFIG ~/.ssh/config.
	// It holds capitals, digits and underscores.
	Variables string
	// Environ is ssh's environment, with these variables; nil is this process's.
	Environ []string
	// Notice is told what a person may want to know. It may be nil.
	Notice func(message string)
	// Sent is told how much of a new file has been sent so far. It may be nil.
	Sent func(name string, n, size int64)

	// For tests, with the values that zero stands for. Beat is how often the holder
	// of a lock shows that it lives (5 seconds), Stale how long it may not to be
	// taken for dead (30), Alive how long the host may be silent (15), Start how long
	// it may take to let us in and to speak SFTP (45).
	Beat, Stale, Alive, Start time.Duration
	Now                       func() time.Time
	Sleep                     func(context.Context, time.Duration) error
}

// connectTimeout is how long a host may take to show its key.
const connectTimeout = 30 * time.Second

const (
	// privateDir holds what belongs to the directory itself and not to the repository.
	privateDir = ".envbuild/local"
	tempDir    = privateDir + "/sftp-tmp"
	// smallFile is what is read whole: its version is its content's digest.
	smallFile = 1 << 20
)

// Storage is a repo.Storage in a directory of another host. It is a Lister, a Locker
// and, where the host has hard links, a Copier without copying.
//
// There is no locking between publishers that reach the directory by SFTP and those
// that have it as a local directory.
type Storage struct {
	opts    Options
	conn    *connection
	client  *sftp.Client
	address string // without a path
	root    string // absolute
	sync    bool   // the host can fsync

	commit sync.Mutex // compares and renames
}

// Open connects. The directory need not be there.
func Open(ctx context.Context, opts Options) (*Storage, error) {
	if opts.Notice == nil {
		opts.Notice = func(string) {}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sleep == nil {
		opts.Sleep = cancel.Sleep
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{{&opts.Beat, 5 * time.Second}, {&opts.Stale, 30 * time.Second}, {&opts.Alive, 15 * time.Second}, {&opts.Start, connectTimeout + 15*time.Second}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	s := &Storage{opts: opts, address: opts.address()}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// start runs ssh and begins to speak SFTP, which has no context: ending ssh ends
// it.
func (s *Storage) start(ctx context.Context) error {
	conn, err := connect(s.opts)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.opts.Start)
	defer cancel()
	stop := context.AfterFunc(limited, conn.kill)
	s.conn = conn
	s.client, err = sftp.NewClientPipe(conn.out, conn.in, sftp.UseConcurrentWrites(true))
	if err != nil {
		// If it hasn't ended, it is what the host says that isn't SFTP.
		err = s.opts.explainSSH(conn.lastWords(), err)
	} else {
		err = s.inspect()
	}
	switch inTime := stop(); {
	case ctx.Err() != nil:
		err = &Error{Op: "connect to", Name: s.opts.display(), Err: context.Cause(ctx)}
	case !inTime:
		err = &Error{
			Op: "connect to", Name: s.opts.display(), Err: fmt.Errorf("no answer within %v", s.opts.Start),
			hint: "`sftp " + s.opts.display() + "` should work, without a question; does ssh-agent, or a security key, wait for somebody?",
		}
	}
	if err != nil {
		conn.kill()
		return errors.Join(err, conn.Close())
	}
	conn.said.forget()
	return nil
}

// inspect looks what the host can do, and where it lets us work.
func (s *Storage) inspect() error {
	fail := func(err error, hint string) error {
		return &Error{Op: "use", Name: s.address, Err: err, hint: hint}
	}
	if _, ok := s.client.HasExtension("posix-rename@openssh.com"); !ok {
		return fail(errors.New("its SFTP server can't replace files atomically (posix-rename@openssh.com)"), "OpenSSH's can: Subsystem sftp internal-sftp")
	}
	_, s.sync = s.client.HasExtension("fsync@openssh.com")
	s.root = path.Clean(s.opts.Path)
	if !path.IsAbs(s.root) {
		home, err := s.client.Getwd()
		if err != nil {
			return fail(err, "")
		}
		s.root = path.Join(home, s.root)
	}
	return nil
}

// Close ends the connection. One that was lost is ended already.
func (s *Storage) Close() error {
	err := s.conn.Close()
	return errors.Join(err, ignoreClosed(s.client.Close()))
}

// Location is a file's address.
func (s *Storage) Location(name string) string { return s.address + path.Join(s.root, name) }

func (s *Storage) path(op, name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &Error{Op: op, Name: s.Location(name), Err: fs.ErrInvalid}
	}
	return path.Join(s.root, name), nil
}

func (s *Storage) private(name string) string { return path.Join(s.root, privateDir, name) }

// call runs f, which speaks to the host, and returns early when ctx ends: SFTP
// knows no other way to stop waiting.
func (s *Storage) call(ctx context.Context, op, name string, f func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return s.explain(op, name, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Get implements repo.Storage. The body is an io.ReaderAt.
func (s *Storage) Get(ctx context.Context, name string) (*repo.File, error) {
	at, err := s.path("read", name)
	if err != nil {
		return nil, err
	}
	var f *repo.File
	err = s.call(ctx, "read", name, func() (err error) { f, err = s.open(ctx, name, at); return err })
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s *Storage) open(ctx context.Context, name, at string) (*repo.File, error) {
	f, err := s.client.Open(at)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case !info.Mode().IsRegular():
		return nil, errors.Join(fs.ErrNotExist, f.Close())
	case info.Size() > smallFile:
		version, err := bigVersion(f, info)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &repo.File{ReadCloser: &file{File: f, storage: s, ctx: ctx, name: name}, Size: info.Size(), Version: version, Modified: info.ModTime()}, nil
	}
	// Of a file that is replaced while it is read this is one version: a rename
	// leaves an open file as it is.
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return &repo.File{ReadCloser: inMemory{bytes.NewReader(data)}, Size: int64(len(data)), Version: smallVersion(data), Modified: info.ModTime()}, nil
}

func smallVersion(data []byte) repo.Version { return repo.Version(digest.Sum(data).String()) }

// bigVersion tells versions of a large file apart without reading it: by its size,
// its time, which SFTP gives in seconds, and its ends.
func bigVersion(f *sftp.File, info fs.FileInfo) (repo.Version, error) {
	const n = 4 << 10
	ends := make([]byte, 2*n)
	if _, err := f.ReadAt(ends[:n], 0); err != nil {
		return "", err
	}
	if _, err := f.ReadAt(ends[n:], info.Size()-n); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return repo.Version(fmt.Sprintf("%d-%d-%s", info.Size(), info.ModTime().Unix(), digest.Sum(ends))), nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// file is an open file that is read as it is needed.
type file struct {
	*sftp.File
	storage *Storage
	ctx     context.Context
	name    string
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.ctx.Err() != nil {
		return 0, context.Cause(f.ctx)
	}
	n, err := f.File.Read(p)
	return n, f.explain(err)
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if f.ctx.Err() != nil {
		return 0, context.Cause(f.ctx)
	}
	n, err := f.File.ReadAt(p, off)
	return n, f.explain(err)
}

// WriteTo implements io.WriterTo, with many requests on their way at once.
func (f *file) WriteTo(w io.Writer) (int64, error) {
	n, err := f.File.WriteTo(cancel.Writer(f.ctx, w))
	return n, f.explain(err)
}

func (f *file) explain(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return f.storage.explain("read", f.name, err)
}

// localReader reads what lies here.
type localReader struct{ r io.Reader }

func (r localReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &localError{err}
	}
	return n, err
}

// List implements repo.Lister.
func (s *Storage) List(ctx context.Context, prefix string) iter.Seq2[repo.Entry, error] {
	return func(yield func(repo.Entry, error) bool) {
		s.list(ctx, strings.TrimSuffix(prefix, "/"), yield)
	}
}

// list reports whether to go on.
func (s *Storage) list(ctx context.Context, dir string, yield func(repo.Entry, error) bool) bool {
	if dir == privateDir {
		return true
	}
	var infos []fs.FileInfo
	err := s.call(ctx, "list", dir, func() (err error) {
		infos, err = s.client.ReadDirContext(ctx, path.Join(s.root, dir))
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		yield(repo.Entry{}, err)
		return false
	}
	for _, info := range infos {
		name := path.Join(dir, info.Name())
		switch {
		case info.IsDir():
			if !s.list(ctx, name, yield) {
				return false
			}
		case info.Mode().IsRegular():
			if !yield(repo.Entry{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil) {
				return false
			}
		}
	}
	return true
}

// unique is a name that nobody else uses.
func unique() string { return strings.ToLower(rand.Text()) }
