package repo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// Storage holds a repository's files: a directory, a bucket. Names are relative,
// with slashes, and pass fs.ValidPath; directories come and go with the files in
// them. Every method may be called by several goroutines at once.
//
// A storage may also be a Lister, a Locker, a Copier, a Batcher and a Sweeper.
type Storage interface {
	// Get opens a file; the caller closes it. The error is fs.ErrNotExist if it
	// isn't there. What is read is one version of the file, whoever replaces it
	// meanwhile. The body may be an io.ReaderAt too, where parts can be had.
	Get(ctx context.Context, name string) (*File, error)
	// Create writes a file that never changes afterwards: a package, an index
	// named by its hash. It is there whole or not at all, and durable, when Create
	// returns nil. The error is fs.ErrExist if there is a file of the name, whatever
	// it holds; that file is left as it is. Content that has not the promised
	// digest is an error, and no file.
	Create(ctx context.Context, name string, content Content) error
	// Replace writes a file that may change later, whole and durable, if what is
	// there has the version was; else the error is ErrChanged, and nothing changes.
	// None stands for no file, Any for whatever is there. Of several callers with
	// one version one succeeds.
	Replace(ctx context.Context, name string, data []byte, was Version) error
	// Remove removes a file. One that isn't there is not an error.
	Remove(ctx context.Context, name string) error
}

// ErrChanged says that a file is no longer what the caller has read.
var ErrChanged = errors.New("somebody else has changed it meanwhile")

// Version identifies the content of a file, for Replace. It means nothing outside
// of the storage that gave it.
type Version string

// None is the version of a file that isn't there, Any that of every file.
const (
	None Version = ""
	Any  Version = "*"
)

// File is an open file.
type File struct {
	io.ReadCloser
	Size    int64
	Version Version
	// Modified is when it was written, as web servers tell clients. It may be zero,
	// if the storage doesn't know.
	Modified time.Time
}

// Content is what Create writes. It can be read more than once, so that a
// storage can try again.
type Content struct {
	Size   int64
	SHA256 digest.SHA256
	Open   func() (io.ReadCloser, error)
}

// Bytes makes a content of b.
func Bytes(b []byte) Content {
	return Content{
		Size: int64(len(b)), SHA256: digest.Sum(b),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// Lister is a Storage that can tell what it holds, as gc and verify need.
type Lister interface {
	// List gives every file whose name begins with prefix ("" or a directory and a
	// slash), in any order. Files that come or go meanwhile may be missing or not.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]
}

// Entry is a file as List gives it.
type Entry struct {
	Name string
	Size int64
	// Modified is when it was written, by the storage's clock.
	Modified time.Time
}

// Locker is a Storage whose publishers queue up. Without one they race, and who
// loses begins again: Replace of InRelease decides.
type Locker interface {
	// Lock makes the caller the only publisher of the repository, among all
	// processes on all machines, until unlock is called or the process dies. It
	// waits as long as ctx lasts; onWait, if not nil, is called once if it has to.
	// held ends with ctx, and when the lock is lost, say with a connection.
	Lock(ctx context.Context, onWait func()) (held context.Context, unlock func() error, err error)
}

// Copier is a Storage that can copy a file without moving its bytes through the
// caller.
type Copier interface {
	// Copy makes the file to hold what from holds, whole, and whatever was there. It
	// may be lost if the machine stops at that moment: it is there under its first
	// name. The error is fs.ErrNotExist if there is no from.
	Copy(ctx context.Context, from, to string) error
}

// Batcher is a Storage that writes many files for little more than one: what
// makes them durable is waited for once.
type Batcher interface {
	// CreateAll is Create for each of the files, in any order. It returns an error,
	// or nil, for each.
	CreateAll(ctx context.Context, files []NewFile) []error
	// ReplaceAll is Replace for each of the files, in their order: one is there only
	// if those before it are. It ends with the first error.
	ReplaceAll(ctx context.Context, files []Replacement) error
}

// NewFile is a file to be created.
type NewFile struct {
	Name    string
	Content Content
}

// Replacement is a file to be replaced.
type Replacement struct {
	Name string
	Data []byte
	Was  Version
}

// createAll is Batcher's, for every storage.
func createAll(ctx context.Context, s Storage, files []NewFile) []error {
	if b, ok := s.(Batcher); ok {
		return b.CreateAll(ctx, files)
	}
	errs := make([]error, len(files))
	for i := range errs {
		errs[i] = errSkipped
	}
	_ = parallel.Each(ctx, maxParallel, len(files), func(ctx context.Context, i int) error { // each error is in errs
		errs[i] = s.Create(ctx, files[i].Name, files[i].Content)
		if errors.Is(errs[i], fs.ErrExist) {
			return nil
		}
		return errs[i]
	})
	return errs
}

// errSkipped says that a file wasn't written because another failed.
var errSkipped = errors.New("not written, since another file couldn't be")

// replaceAll is Batcher's, for every storage.
func replaceAll(ctx context.Context, s Storage, files []Replacement) error {
	if b, ok := s.(Batcher); ok {
		return b.ReplaceAll(ctx, files)
	}
	for _, f := range files {
		if err := s.Replace(ctx, f.Name, f.Data, f.Was); err != nil {
			return err
		}
	}
	return nil
}
