package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/s3"
	"github.com/envbuild/envbuild/internal/servertest"
)

func getenv(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func open(t *testing.T, opts s3.Options) *s3.Storage {
	t.Helper()
	opts.Sleep = func(context.Context, time.Duration) error { return nil }
	s, err := s3.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStorage(t *testing.T) {
	server := servertest.StartS3(t)
	for _, prefix := range []string{"", "debian/internal"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			repotest.TestStorage(t, func(t *testing.T) func(*testing.T) repo.Storage {
				opts := s3.Options{Bucket: server.Bucket(t), Prefix: prefix, Endpoint: server.Endpoint, Getenv: getenv(server.Env())}
				return func(t *testing.T) repo.Storage { return open(t, opts) }
			})
		})
	}
	t.Run("Headers", func(t *testing.T) { testHeaders(t, server) })
	t.Run("Parts", func(t *testing.T) { testParts(t, server) })
	t.Run("LostAnswers", func(t *testing.T) { testLostAnswers(t, server) })
	t.Run("Busy", func(t *testing.T) { testBusy(t, server) })
	t.Run("Keys", func(t *testing.T) { testKeys(t, server) })
	t.Run("NoBucket", func(t *testing.T) { testNoBucket(t, server) })
}

// testHeaders looks at what caches are told.
func testHeaders(t *testing.T, server *servertest.S3) {
	bucket := server.Bucket(t)
	s := open(t, s3.Options{Bucket: bucket, Endpoint: server.Endpoint, Getenv: getenv(server.Env())})
	byHash := "dists/bookworm/main/binary-amd64/by-hash/SHA256/" + strings.Repeat("0", 64)
	for _, name := range []string{"pool/main/h/hello/hello_1_all.deb", byHash} {
		if err := s.Create(t.Context(), name, repo.Bytes([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"dists/bookworm/InRelease", "dists/bookworm/Release", "dists/bookworm/Release.gpg"} {
		if err := s.Replace(t.Context(), name, []byte("x"), repo.None); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Packages", "Packages.gz", "Packages.xz"} {
		if err := s.Copy(t.Context(), byHash, "dists/bookworm/main/binary-amd64/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][2]string{
		"pool/main/h/hello/hello_1_all.deb":            {"public, max-age=31536000, immutable", "application/vnd.debian.binary-package"},
		byHash:                                         {"public, max-age=31536000, immutable", "application/octet-stream"},
		"dists/bookworm/InRelease":                     {"no-cache", "text/plain; charset=utf-8"},
		"dists/bookworm/Release":                       {"no-cache", "text/plain; charset=utf-8"},
		"dists/bookworm/Release.gpg":                   {"no-cache", "application/pgp-signature"},
		"dists/bookworm/main/binary-amd64/Packages":    {"no-cache", "text/plain; charset=utf-8"},
		"dists/bookworm/main/binary-amd64/Packages.gz": {"no-cache", "application/gzip"},
		"dists/bookworm/main/binary-amd64/Packages.xz": {"no-cache", "application/x-xz"},
	} {
		info, err := server.Client().StatObject(t.Context(), bucket, name, minio.StatObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{info.Metadata.Get("Cache-Control"), info.ContentType}; got != want {
			t.Errorf("%s is served with %q, want %q", name, got, want)
		}
	}
}

// testParts reads a file that is longer than a first request.
func testParts(t *testing.T, server *servertest.S3) {
	opts := s3.Options{Bucket: server.Bucket(t), Endpoint: server.Endpoint, Getenv: getenv(server.Env())}
	var asked atomic.Int64
	opts.Transport = transport(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && r.Method == http.MethodGet {
			asked.Add(resp.ContentLength)
		}
		return resp, err
	})
	s := open(t, opts)
	content := make([]byte, 5<<20)
	for i := range content {
		content[i] = byte(i / 1000)
	}
	if err := s.Create(t.Context(), "pool/x", repo.Bytes(content)); err != nil {
		t.Fatal(err)
	}
	f, err := s.Get(t.Context(), "pool/x")
	if err != nil {
		t.Fatal(err)
	}
	at := f.ReadCloser.(io.ReaderAt)
	for _, c := range []struct{ off, n, want int }{
		{0, 100, 100}, {1<<20 - 50, 100, 100}, {4 << 20, 1000, 1000}, {5<<20 - 10, 10, 10}, {5<<20 - 10, 20, 10}, {5 << 20, 10, 0}, {6 << 20, 10, 0},
	} {
		b := make([]byte, c.n)
		n, err := at.ReadAt(b, int64(c.off))
		if n != c.want || (err != nil) != (n < c.n) || (err != nil && !errors.Is(err, io.EOF)) || !bytes.Equal(b[:n], content[min(c.off, len(content)):][:n]) {
			t.Errorf("ReadAt(%d, %d) = %d, %v", c.off, c.n, n, err)
		}
	}
	if n := asked.Load(); n > 1<<20+2000 {
		t.Errorf("%d bytes were brought for a few", n)
	}
	whole, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(whole, content) {
		t.Errorf("%d bytes, %v", len(whole), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// losing drops the answers to the first writes of what isn't the probe.
func losing(n int) http.RoundTripper {
	var mu sync.Mutex
	return transport(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && r.Method == http.MethodPut && !strings.Contains(r.URL.Path, "probe") && n > 0 {
			n--
			resp.Body.Close()
			return nil, fmt.Errorf("read: %w", syscall.ECONNRESET)
		}
		return resp, err
	})
}

// testLostAnswers has writes that were carried out, though nobody heard of it:
// what the next try finds is this writer's own, and no other's.
func testLostAnswers(t *testing.T, server *servertest.S3) {
	opts := s3.Options{Bucket: server.Bucket(t), Endpoint: server.Endpoint, Getenv: getenv(server.Env())}
	opts.Transport = losing(1)
	if err := open(t, opts).Create(t.Context(), "pool/x", repo.Bytes([]byte("mine"))); err != nil {
		t.Errorf("Create: %v", err)
	}
	opts.Transport = losing(1)
	if err := open(t, opts).Create(t.Context(), "pool/x", repo.Bytes([]byte("other"))); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of another's: %v", err)
	}
	opts.Transport = losing(1)
	if err := open(t, opts).Replace(t.Context(), "dists/x", []byte("1"), repo.None); err != nil {
		t.Errorf("Replace of nothing: %v", err)
	}
	f, err := open(t, opts).Get(t.Context(), "dists/x")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	opts.Transport = losing(2)
	if err := open(t, opts).Replace(t.Context(), "dists/x", []byte("2"), f.Version); err != nil {
		t.Errorf("Replace of a version: %v", err)
	}
	opts.Transport = losing(1)
	if err := open(t, opts).Replace(t.Context(), "dists/x", []byte("3"), f.Version); !errors.Is(err, repo.ErrChanged) {
		t.Errorf("Replace of an old version: %v", err)
	}
	opts.Transport = losing(99)
	err = open(t, opts).Replace(t.Context(), "dists/y", []byte("1"), repo.Any)
	if err == nil || !strings.Contains(err.Error(), "write s3://"+opts.Bucket+"/dists/y: ") || !strings.Contains(err.Error(), "(5 tries)") {
		t.Errorf("Replace without any answer: %v", err)
	}
}

// testBusy has a store that is busy for a while.
func testBusy(t *testing.T, server *servertest.S3) {
	for _, code := range []int{409, 429, 500, 503} {
		opts := s3.Options{Bucket: server.Bucket(t), Endpoint: server.Endpoint, Getenv: getenv(server.Env())}
		var asked atomic.Int32
		opts.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if asked.Add(1)%2 == 1 {
				if r.Body != nil {
					_, _ = io.Copy(io.Discard, r.Body)
					r.Body.Close()
				}
				w := httptest.NewRecorder()
				w.WriteHeader(code)
				return w.Result(), nil
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		s := open(t, opts)
		if err := s.Create(t.Context(), "pool/x", repo.Bytes([]byte("x"))); err != nil {
			t.Errorf("%d: Create: %v", code, err)
		}
		if err := s.Replace(t.Context(), "dists/x", []byte("x"), repo.None); err != nil {
			t.Errorf("%d: Replace: %v", code, err)
		}
	}
}

// testKeys looks where keys come from, and that no error holds one.
func testKeys(t *testing.T, server *servertest.S3) {
	bucket := server.Bucket(t)
	home := t.TempDir()
	profile := filepath.Join(home, "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing-at-all\n[apt]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		server.Env()["AWS_ACCESS_KEY_ID"], server.Env()["AWS_SECRET_ACCESS_KEY"])
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	try := func(vars map[string]string) error {
		vars["AWS_REGION"] = "us-east-1"
		s := open(t, s3.Options{Bucket: bucket, Endpoint: server.Endpoint, Getenv: getenv(vars)})
		f, err := s.Get(t.Context(), "nothing")
		if err == nil {
			f.Close()
		}
		return err
	}
	if err := try(map[string]string{}); !errors.Is(err, s3.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", profile)
	if err := try(map[string]string{"AWS_PROFILE": "apt"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a profile: %v", err)
	}
	// Of a key that it doesn't know this server says 404, as of no other thing.
	for name, c := range map[string]struct {
		vars map[string]string
		code string
	}{
		"another key":    {map[string]string{}, "XAdminUserNotFound"},
		"another secret": {map[string]string{"AWS_ACCESS_KEY_ID": server.Env()["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": "nothing-at-all"}, "SignatureDoesNotMatch"},
	} {
		err := try(c.vars)
		var e *s3.Error
		if !errors.As(err, &e) || e.Code != c.code || errors.Is(err, fs.ErrNotExist) || !strings.Contains(e.Hint(), "AWS_SECRET_ACCESS_KEY") || strings.Contains(fmt.Sprintf("%v %+v", err, err), "nothing-at-all") {
			t.Errorf("%s: %v, hint %s", name, err, e.Hint())
		}
	}
}

// testNoBucket has a bucket that isn't there, which is not an empty repository.
func testNoBucket(t *testing.T, server *servertest.S3) {
	s := open(t, s3.Options{Bucket: "nosuch", Endpoint: server.Endpoint, Getenv: getenv(server.Env())})
	f, err := s.Get(t.Context(), "x")
	if err == nil {
		f.Close()
	}
	var e *s3.Error
	if !errors.As(err, &e) || errors.Is(err, fs.ErrNotExist) || e.Hint() == "" {
		t.Errorf("Get: %v", err)
	}
	if err := s.Create(t.Context(), "x", repo.Bytes(nil)); !errors.As(err, &e) || e.Code != "NoSuchBucket" {
		t.Errorf("Create: %v", err)
	}
}

// TestNoConditions has stores without conditional writes.
func TestNoConditions(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.Header) int
		want   string
	}{
		"ignores all":      {func(http.Header) int { return 200 }, "it ignores If-None-Match"},
		"ignores If-Match": {func(h http.Header) int { return map[bool]int{true: 412, false: 200}[h.Get("If-None-Match") != ""] }, "it ignores If-Match"},
		"doesn't know":     {func(http.Header) int { return 501 }, "has no conditional writes (If-None-Match)"},
	} {
		t.Run(name, func(t *testing.T) {
			written := map[string]bool{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				written[r.URL.Path] = true
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("ETag", `"x"`)
				w.WriteHeader(c.answer(r.Header))
			}))
			defer server.Close()
			s := open(t, s3.Options{Bucket: "bucket", Endpoint: server.URL, Getenv: getenv(map[string]string{
				"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1",
			})})
			for _, err := range []error{
				s.Create(t.Context(), "pool/x", repo.Bytes([]byte("x"))),
				s.Replace(t.Context(), "dists/x", nil, repo.Any),
			} {
				var e *s3.ConditionError
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), server.URL) || e.Hint() == "" {
					t.Errorf("%v, want %s", err, c.want)
				}
			}
			for name := range written {
				if name != "/bucket/.envbuild/local/probe" {
					t.Errorf("%s was written", name)
				}
			}
		})
	}
}

// TestSilent has a store that never answers, and nobody at all.
func TestSilent(t *testing.T) {
	silent, done := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(silent) })
	vars := map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
	s := open(t, s3.Options{Bucket: "bucket", Endpoint: server.URL, Getenv: getenv(vars), Stall: 10 * time.Millisecond})
	_, err := s.Get(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "nothing moved for 10ms (5 tries)") {
		t.Errorf("a silent store: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(done); cancel() }()
	<-done
	if _, err := s.Get(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	s = open(t, s3.Options{Bucket: "bucket", Endpoint: gone.URL, Getenv: getenv(vars)})
	_, err = s.Get(t.Context(), "x")
	var e *s3.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(e.Hint(), "network") {
		t.Errorf("nobody there: %v", err)
	}
}
