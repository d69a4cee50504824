package deb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/envbuild/envbuild/deb/internal/ar"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
)

// Cache keeps compressed parts of packages. Its methods are called from several
// goroutines at once.
type Cache interface {
	// Part returns what was put under the key. What isn't there as it was put is a
	// miss.
	Part(key digest.Key) (part []byte, ok bool)
	// PutPart keeps a part, which the caller doesn't change any more.
	PutPart(key digest.Key, part []byte) error
}

// SizeError says that a package is larger than its format allows.
type SizeError struct {
	Member string
	Size   int64 // so far
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s takes %d bytes and more; ten digits are all that a .deb has for a size", e.Member, e.Size)
}

// Hint says what to do.
func (e *SizeError) Hint() string {
	return "compress it, or ship large data apart from the application: leave it out of app.files"
}

// MaxFileSize is the largest file that a package should hold, in bytes: what the
// eleven octal digits in a header of tar can say (POSIX, ustar interchange
// format). dpkg of Debian 12 reads larger ones, which packages may not count on.
const MaxFileSize = 1<<33 - 1

// FileSizeError says that a file is larger than MaxFileSize.
type FileSizeError struct {
	Path string
	Size int64
}

func (e *FileSizeError) Error() string {
	return fmt.Sprintf("%s has %d bytes; a file in a package has less than 8 GiB", e.Path, e.Size)
}

// Hint says what to do.
func (e *FileSizeError) Hint() string {
	return "leave it out, and bring data of that size to servers by itself"
}

// CheckFileSize fails with a *FileSizeError if a file is too large. "" stands
// for no file.
func CheckFileSize(path string) error {
	if path == "" {
		return nil
	}
	fi, err := os.Stat(path)
	if err == nil && fi.Mode().IsRegular() && fi.Size() > MaxFileSize {
		return &FileSizeError{path, fi.Size()}
	}
	return err
}

// assembler makes data.tar of segments.
type assembler struct {
	compressor
	cache    Cache
	parallel int
	date     time.Time
	segments []segment
}

func newAssembler(ctx context.Context, p *plan) (*assembler, error) {
	c, err := newCompressor(ctx, p.compression(), p.req.XZ)
	if err != nil {
		return nil, err
	}
	a := &assembler{
		compressor: c, cache: p.req.Cache, parallel: p.req.Parallel, date: p.req.SourceDate, segments: p.items.segments(),
	}
	if a.parallel <= 0 {
		a.parallel = runtime.GOMAXPROCS(0)
	}
	return a, p.items.checkSize(p.compression())
}

// CheckSize fails with a *SizeError if entries are more than a package can hold,
// before anything reads them. How small they get, only compression tells.
func (s *Settings) CheckSize(entries []tree.Entry) error {
	t, err := check(entries)
	if err != nil {
		return err
	}
	return t.checkSize(cmp.Or(s.compression(), DefaultCompression))
}

func (t items) checkSize(compression string) error {
	if size := t.tarSize(); compression == "none" && size > ar.MaxSize {
		return &SizeError{"data.tar", size}
	}
	return nil
}

// tarSize is the size of data.tar before it is compressed.
func (t items) tarSize() int64 {
	n := int64(tarEnd)
	for _, it := range t {
		n += it.tarSize()
	}
	return n
}

// member is the name of data.tar in the package.
func (a *assembler) member() string { return "data.tar" + a.ending }

func (a *assembler) write(ctx context.Context, w io.Writer) error {
	if a.parts != nil {
		return a.writeParts(ctx, w)
	}
	z, err := a.whole(w)
	if err != nil {
		return err
	}
	for _, s := range a.segments {
		if err = s.writeTo(cancel.Writer(ctx, z), a.date); err != nil {
			break
		}
	}
	return errors.Join(err, z.Close())
}

// made is a compressed segment.
type made struct {
	part []byte
	err  error
}

// writeParts compresses the segments, several at a time, and writes them in
// order. At most twice as many as are worked on are in memory.
func (a *assembler) writeParts(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	order := make(chan chan made, a.parallel)
	free := make(chan struct{}, a.parallel)
	workers.Go(func() {
		defer close(order)
		for _, s := range a.segments {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			result := make(chan made, 1)
			workers.Go(func() {
				part, err := a.part(ctx, s)
				result <- made{part, err}
				<-free
			})
			select {
			case order <- result:
			case <-ctx.Done():
				return
			}
		}
	})
	err := a.join(order, w)
	if err == nil {
		err = context.Cause(ctx)
	}
	cancel(err)
	return err
}

// join writes what was made, in order.
func (a *assembler) join(order <-chan chan made, w io.Writer) error {
	j, err := a.parts.join(w)
	if err != nil {
		return err
	}
	for result := range order {
		m := <-result
		if m.err != nil {
			return m.err
		}
		if err := j.add(m.part); err != nil {
			return err
		}
	}
	return j.end()
}

// part takes a segment's part from the cache or makes it. Without a cache the
// content is read all the same: what is compressed is what its sums are of.
func (a *assembler) part(ctx context.Context, s segment) ([]byte, error) {
	content, err := a.digest(ctx, s)
	if err != nil {
		return nil, err
	}
	key := partKey(a.parts, content)
	if a.cache != nil {
		if part, ok := a.cache.Part(key); ok && a.parts.check(part, s.size()) == nil {
			return part, nil
		}
	}
	part, err := a.parts.compress(ctx, func(w io.Writer) error {
		h := sha256.New()
		if err := s.writeTo(io.MultiWriter(w, h), a.date); err != nil {
			return err
		}
		if digest.SHA256(h.Sum(nil)) != content {
			return s.pieces[0].errChanged()
		}
		return nil
	})
	if err == nil {
		err = a.parts.check(part, s.size())
	}
	if err == nil && a.cache != nil {
		err = a.cache.PutPart(key, part)
	}
	return part, err
}

// digest reads a segment.
func (a *assembler) digest(ctx context.Context, s segment) (digest.SHA256, error) {
	h := sha256.New()
	err := s.writeTo(cancel.Writer(ctx, h), a.date)
	return digest.SHA256(h.Sum(nil)), err
}

func partKey(c partCodec, content digest.SHA256) digest.Key {
	h := digest.NewHasher("part of a package")
	h.Field("compressor", c.identity()...)
	h.Field("content", content.String())
	return h.Key()
}

// spool holds data.tar until its size is known, which is written before it. The
// file has no name, so that nothing is left of it when the process is killed.
type spool struct {
	f      *os.File
	member string
	size   int64
}

func newSpool(dir, member string) (*spool, error) {
	f, err := os.CreateTemp(dir, "envbuild-deb-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &spool{f: f, member: member}, nil
}

func (s *spool) Write(b []byte) (int, error) {
	n, err := s.f.Write(b)
	if s.size += int64(n); s.size > ar.MaxSize && err == nil {
		err = &SizeError{s.member, s.size}
	}
	return n, err
}

// rewind returns what was written.
func (s *spool) rewind() (io.Reader, error) {
	_, err := s.f.Seek(0, io.SeekStart)
	return s.f, err
}

func (s *spool) close() error { return s.f.Close() }
