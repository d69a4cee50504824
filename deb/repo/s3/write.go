package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"

	"github.com/minio/minio-go/v7"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/digest"
)

// maxObject is the most that one request may store, on Amazon and elsewhere.
// Uploads in several parts have no conditions in many stores.
const maxObject = 5 << 30

// Create implements repo.Storage.
func (s *Storage) Create(ctx context.Context, name string, content repo.Content) error {
	key, err := s.key("write", name)
	if err != nil {
		return err
	}
	if content.Size > maxObject {
		return &Error{Op: "write", Name: s.Location(name), Err: fmt.Errorf("it has %d bytes; a store takes %d at once", content.Size, int64(maxObject))}
	}
	if err := s.probe(ctx); err != nil {
		return err
	}
	opts := s.options(name)
	opts.SetMatchETagExcept("*")
	unsure, err := s.write(ctx, name, func() error {
		in, err := content.Open()
		if err != nil {
			return &localError{err}
		}
		checked := &checkedReader{in: in, content: content, digest: digest.NewWriter(io.Discard), sent: s.opts.Sent, name: name}
		_, err = s.client.PutObject(ctx, s.opts.Bucket, key, checked, content.Size, opts)
		if checked.failed != nil {
			err = &localError{checked.failed}
		}
		return errors.Join(err, in.Close())
	})
	if err == nil && content.Size == 0 {
		return s.checkEmpty(ctx, name, content)
	}
	if !failedCondition(err) {
		return err
	}
	if unsure && s.holds(ctx, name, content.SHA256) {
		return nil
	}
	return &Error{Op: "write", Name: s.Location(name), Err: fs.ErrExist}
}

// checkEmpty reads what no request reads: a content without bytes.
func (s *Storage) checkEmpty(ctx context.Context, name string, content repo.Content) error {
	in, err := content.Open()
	if err != nil {
		return errors.Join(err, s.Remove(ctx, name))
	}
	sum, n, err := digest.SumReader(in)
	if err == nil && (sum != content.SHA256 || n != 0) {
		err = &repo.ContentError{Want: content.SHA256, Got: sum}
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return errors.Join(err, s.Remove(context.WithoutCancel(ctx), name))
	}
	return nil
}

// Replace implements repo.Storage.
func (s *Storage) Replace(ctx context.Context, name string, data []byte, was repo.Version) error {
	key, err := s.key("write", name)
	if err != nil {
		return err
	}
	if err := s.probe(ctx); err != nil {
		return err
	}
	opts := s.options(name)
	switch was {
	case repo.Any:
	case repo.None:
		opts.SetMatchETagExcept("*")
	default:
		opts.SetMatchETag(string(was))
	}
	unsure, err := s.write(ctx, name, func() error {
		_, err := s.client.PutObject(ctx, s.opts.Bucket, key, bytes.NewReader(data), int64(len(data)), opts)
		return err
	})
	gone := was != repo.Any && was != repo.None && errors.Is(err, fs.ErrNotExist) // Amazon's answer to If-Match
	if !failedCondition(err) && !gone {
		return err
	}
	if unsure && s.holds(ctx, name, digest.Sum(data)) {
		return nil
	}
	return &Error{Op: "write", Name: s.Location(name), Err: repo.ErrChanged}
}

// write sends a conditional write. unsure says that an earlier try may have been
// carried out though its answer was lost, so that the condition fails of what this
// call itself has written.
func (s *Storage) write(ctx context.Context, name string, send func() error) (unsure bool, err error) {
	tries := 0
	err = s.do(ctx, "write", name, func() error {
		if tries++; tries > 1 {
			unsure = true
		}
		return send()
	})
	return unsure, err
}

// holds reports whether a file has the digest.
func (s *Storage) holds(ctx context.Context, name string, want digest.SHA256) bool {
	f, err := s.Get(ctx, name)
	if err != nil {
		return false
	}
	defer f.Close()
	sum, _, err := digest.SumReader(f)
	return err == nil && sum == want
}

// Copy implements repo.Copier.
func (s *Storage) Copy(ctx context.Context, from, to string) error {
	source, err := s.key("copy", from)
	if err != nil {
		return err
	}
	dest, err := s.key("copy", to)
	if err != nil {
		return err
	}
	return s.do(ctx, "copy", from, func() error {
		_, err := s.client.CopyObject(ctx, minio.CopyDestOptions{
			Bucket: s.opts.Bucket, Object: dest,
			ReplaceMetadata: true, ContentType: contentType(to), CacheControl: cacheControl(to),
		}, minio.CopySrcOptions{Bucket: s.opts.Bucket, Object: source})
		return err
	})
}

// options are what a file's name says of how it is served. One request stores
// all of it: that is what conditions work for.
func (s *Storage) options(name string) minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: contentType(name), CacheControl: cacheControl(name), DisableMultipart: true}
}

// cacheControl lets caches keep what never changes, and makes them ask for what
// may: a Release that is older than the indexes breaks clients.
func cacheControl(name string) string {
	if repo.Immutable(name) {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".deb", ".udeb":
		return "application/vnd.debian.binary-package"
	case ".gz":
		return "application/gzip"
	case ".xz":
		return "application/x-xz"
	case ".zst":
		return "application/zstd"
	case ".gpg", ".pgp":
		return "application/pgp-signature"
	case ".asc":
		return "application/pgp-keys"
	case ".json":
		return "application/json"
	case ".sources", ".html", ".txt":
		return "text/plain; charset=utf-8"
	}
	switch path.Base(name) {
	case "InRelease", "Release", "Packages":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// checkedReader reads a content to its end only if that is what was promised:
// the store waits in vain for the last piece otherwise, and keeps nothing.
type checkedReader struct {
	in      io.Reader
	content repo.Content
	digest  *digest.Writer
	name    string
	sent    func(name string, n, size int64)
	failed  error
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	_, _ = r.digest.Write(p[:n]) // it discards
	if err == nil || errors.Is(err, io.EOF) {
		left := r.content.Size - r.digest.Size()
		if left < 0 || left == 0 && r.digest.SHA256() != r.content.SHA256 || left > 0 && err != nil {
			err = &repo.ContentError{Want: r.content.SHA256, Got: r.digest.SHA256()}
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
		return 0, err
	}
	if r.sent != nil {
		r.sent(r.name, r.digest.Size(), r.content.Size)
	}
	return n, err
}

func failedCondition(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusPreconditionFailed
}
