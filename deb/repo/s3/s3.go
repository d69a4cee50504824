// Package s3 keeps repositories in buckets of S3 and of stores that speak like it.
//
// There are no locks: publishers race, and conditions on writes (If-None-Match,
// If-Match) decide who was first. Not every store has them; that is tried before
// the first write, since publishers would otherwise lose each other's packages.
package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/proxy"
	"github.com/envbuild/envbuild/internal/stall"
)

// Options say where the bucket is.
type Options struct {
	Bucket string
	// Prefix is a directory in the bucket, or empty.
	Prefix string
	// Endpoint is the store's address; empty is AWS_ENDPOINT_URL_S3,
	// AWS_ENDPOINT_URL, or Amazon's.
	Endpoint string
	// Region is empty for AWS_REGION, AWS_DEFAULT_REGION, or what the store says.
	Region string
	// Getenv gives the environment: keys, proxies.
	Getenv func(string) string
	// Sent is told how much of a new file has been sent so far. It may be nil.
	Sent func(name string, n, size int64)

	// For tests: Transport is what connections are made by, Stall for how long
	// nothing may move (a minute), Sleep waits between tries.
	Transport http.RoundTripper
	Stall     time.Duration
	Sleep     func(context.Context, time.Duration) error
}

// Storage is a repo.Storage in a bucket. It is a Lister and a Copier.
type Storage struct {
	opts   Options
	client *minio.Client
	core   minio.Core

	mu     sync.Mutex
	probed bool
}

// amazon is the address of Amazon's own store.
const amazon = "https://s3.amazonaws.com"

// New returns the storage. It asks the store nothing yet.
func New(opts Options) (*Storage, error) {
	if opts.Getenv == nil {
		opts.Getenv = func(string) string { return "" }
	}
	opts.Endpoint = first(opts.Endpoint, opts.Getenv("AWS_ENDPOINT_URL_S3"), opts.Getenv("AWS_ENDPOINT_URL"), amazon)
	opts.Region = first(opts.Region, opts.Getenv("AWS_REGION"), opts.Getenv("AWS_DEFAULT_REGION"))
	if opts.Transport == nil {
		opts.Transport = proxy.Transport(opts.Getenv)
	}
	if opts.Stall <= 0 {
		opts.Stall = time.Minute
	}
	if opts.Sleep == nil {
		opts.Sleep = cancel.Sleep
	}
	u, err := url.Parse(opts.Endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, &Error{Op: "open", Name: "s3://" + opts.Bucket, Err: errors.New("the store's address can't be read")}
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:      newCredentials(opts.Getenv, strings.HasSuffix(u.Hostname(), ".amazonaws.com")),
		Secure:     u.Scheme == "https",
		Region:     opts.Region,
		Transport:  stall.Transport(opts.Transport, opts.Stall),
		MaxRetries: 1, // do repeats, and must know that it did
	})
	if err != nil {
		return nil, &Error{Op: "open", Name: "s3://" + opts.Bucket, Err: err}
	}
	return &Storage{opts: opts, client: client, core: minio.Core{Client: client}}, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Location is the address of a file, as the tools of S3 write it.
func (s *Storage) Location(name string) string {
	return "s3://" + path.Join(s.opts.Bucket, s.opts.Prefix, name)
}

// key is a file's name in the bucket.
func (s *Storage) key(op, name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &Error{Op: op, Name: s.Location(name), Err: fs.ErrInvalid}
	}
	return path.Join(s.opts.Prefix, name), nil
}

// firstPart is how much of a file the first request asks for: most files are
// smaller, and of larger ones often only a part is read.
const firstPart = 1 << 20

// Get implements repo.Storage. The body is an io.ReaderAt.
func (s *Storage) Get(ctx context.Context, name string) (*repo.File, error) {
	key, err := s.key("read", name)
	if err != nil {
		return nil, err
	}
	var f *file
	err = s.do(ctx, "read", name, func() error {
		f, err = s.open(ctx, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.name = name
	return &repo.File{ReadCloser: f, Size: f.size, Version: repo.Version(f.etag), Modified: f.modified}, nil
}

// open asks for the first part of an object.
func (s *Storage) open(ctx context.Context, key string) (*file, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, firstPart-1); err != nil {
		return nil, err
	}
	body, info, header, err := s.core.GetObject(ctx, s.opts.Bucket, key, opts)
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		// The object is empty.
		body, info, header, err = s.core.GetObject(ctx, s.opts.Bucket, key, minio.GetObjectOptions{})
	}
	if err != nil {
		return nil, err
	}
	head, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	size := int64(len(head))
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return nil, errors.New("the store answers with a range that has no size")
		}
	}
	return &file{storage: s, ctx: ctx, key: key, etag: info.ETag, modified: info.LastModified, size: size, head: head}, nil
}

// file is an open object: its first part, and the rest of the same version as
// soon as it is asked for.
type file struct {
	storage   *Storage
	ctx       context.Context
	key, name string
	etag      string
	modified  time.Time
	size      int64
	head      []byte

	at   int64
	rest io.ReadCloser
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.at < int64(len(f.head)) {
		n := copy(p, f.head[f.at:])
		f.at += int64(n)
		return n, nil
	}
	if f.at >= f.size {
		return 0, io.EOF
	}
	if f.rest == nil {
		if err := f.storage.do(f.ctx, "read", f.name, func() (err error) { f.rest, err = f.part(f.at, f.size); return }); err != nil {
			return 0, err
		}
	}
	n, err := f.rest.Read(p)
	f.at += int64(n)
	if errors.Is(err, io.EOF) && f.at < f.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	head := bytes.NewReader(f.head)
	if off+int64(len(p)) <= int64(len(f.head)) || int64(len(f.head)) == f.size {
		return head.ReadAt(p, off)
	}
	if off >= f.size {
		return 0, io.EOF
	}
	end, n := min(off+int64(len(p)), f.size), 0
	err := f.storage.do(f.ctx, "read", f.name, func() error {
		body, err := f.part(off, end)
		if err != nil {
			return err
		}
		n, err = io.ReadFull(body, p[:end-off])
		return errors.Join(err, body.Close())
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// part asks for bytes from the version that was opened.
func (f *file) part(from, to int64) (io.ReadCloser, error) {
	var opts minio.GetObjectOptions
	if err := errors.Join(opts.SetRange(from, to-1), opts.SetMatchETag(f.etag)); err != nil {
		return nil, err
	}
	body, _, _, err := f.storage.core.GetObject(f.ctx, f.storage.opts.Bucket, f.key, opts)
	return body, err
}

// Close implements io.Closer.
func (f *file) Close() error {
	if f.rest == nil {
		return nil
	}
	return f.rest.Close()
}

// Remove implements repo.Storage.
func (s *Storage) Remove(ctx context.Context, name string) error {
	key, err := s.key("remove", name)
	if err != nil {
		return err
	}
	err = s.do(ctx, "remove", name, func() error {
		return s.client.RemoveObject(ctx, s.opts.Bucket, key, minio.RemoveObjectOptions{})
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements repo.Lister.
func (s *Storage) List(ctx context.Context, prefix string) iter.Seq2[repo.Entry, error] {
	return func(yield func(repo.Entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		top := ""
		if s.opts.Prefix != "" {
			top = s.opts.Prefix + "/"
		}
		for o := range s.client.ListObjects(ctx, s.opts.Bucket, minio.ListObjectsOptions{Prefix: top + prefix, Recursive: true}) {
			if o.Err != nil {
				yield(repo.Entry{}, s.explain("list", prefix, o.Err))
				return
			}
			name := strings.TrimPrefix(o.Key, top)
			if strings.HasSuffix(name, "/") || name == probeName { // a directory as consoles make them
				continue
			}
			if !yield(repo.Entry{Name: name, Size: o.Size, Modified: o.LastModified}, nil) {
				return
			}
		}
	}
}
