package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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

	"github.com/envbuild/envbuild/build/fetch"
	"github.com/envbuild/envbuild/internal/digest"
)

// directory is a small store for the tests: sources in one directory.
type directory struct {
	dir string
	// full makes writing fail once that many bytes have been written, if not 0.
	full int
}

func (f *directory) Source(d digest.SHA256) (string, bool) {
	path := filepath.Join(f.dir, d.String())
	_, err := os.Stat(path)
	return path, err == nil
}

func (f *directory) AddSource(want digest.SHA256, fill func(io.Writer) error) (digest.SHA256, int64, error) {
	var b bytes.Buffer
	err := fill(&fullWriter{w: &b, room: f.full})
	got := digest.Sum(b.Bytes())
	if err == nil && !want.IsZero() && got != want {
		err = errors.New("mismatch")
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(f.dir, got.String()), b.Bytes(), 0o444)
	}
	return got, int64(b.Len()), err
}

type fullWriter struct {
	w    io.Writer
	room int
}

func (f *fullWriter) Write(p []byte) (int, error) {
	if f.room > 0 && len(p) > f.room {
		return 0, syscall.ENOSPC
	}
	return f.w.Write(p)
}

// bench is a fetcher with what it did.
type bench struct {
	*fetch.Fetcher
	store *directory

	mu     sync.Mutex
	events []fetch.Event
	slept  []time.Duration
}

func newBench(t *testing.T, opts fetch.Options) *bench {
	t.Helper()
	b := &bench{store: &directory{dir: t.TempDir()}}
	if opts.Store == nil {
		opts.Store = b.store
	}
	if opts.Getenv == nil {
		opts.Getenv = func(string) string { return "" }
	}
	opts.Progress = func(e fetch.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}
	opts.Sleep = func(ctx context.Context, d time.Duration) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.slept = append(b.slept, d)
		return ctx.Err()
	}
	b.Fetcher = fetch.New(opts)
	return b
}

func (b *bench) kinds() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var kinds []string
	for _, e := range b.events {
		if e.Kind != fetch.Progress {
			kinds = append(kinds, string(e.Kind))
		}
	}
	return strings.Join(kinds, " ")
}

const path = "authors/id/M/MI/MIYAGAWA/Plack-1.0050.tar.gz"

var content = bytes.Repeat([]byte("Plack "), 50000)

func request(mirrors ...string) fetch.Request {
	return fetch.Request{
		Name: "Plack-1.0050", File: "Plack-1.0050.tar.gz", SHA256: digest.Sum(content), Size: int64(len(content)),
		Path: path, Mirrors: mirrors,
	}
}

// serve starts a server that answers the n-th request, from 0 on, by do.
func serve(t *testing.T, do func(n int, w http.ResponseWriter, r *http.Request)) *httptest.Server {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do(int(n.Add(1)-1), w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// good serves the archive at its path, and 404 elsewhere.
func good(t *testing.T) *httptest.Server {
	return serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/"+path) {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Unix(1000, 0), bytes.NewReader(content))
	})
}

func status(t *testing.T, code int) *httptest.Server {
	return serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

func body(t *testing.T, b []byte) *httptest.Server {
	return serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
}

// down is an address where nobody listens: a port that is taken, so that no
// other server of the tests gets it, by a socket that accepts nothing.
func down(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, syscall.Close(fd)) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", addr.(*syscall.SockaddrInet4).Port)
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, b, 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func wantArchive(t *testing.T, a fetch.Archive, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	got, err := os.ReadFile(a.File)
	if err != nil || !bytes.Equal(got, content) || a.Size != int64(len(content)) || a.SHA256 != digest.Sum(content) {
		t.Errorf("got %+v with %d bytes, %v", a, len(got), err)
	}
}

// wantError checks the text and that a hint goes with it.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	var failure *fetch.Error
	if !errors.As(err, &failure) {
		t.Errorf("%T: %v", err, err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q doesn't say %q", err, part)
		}
	}
	if failure.Hint() == "" {
		t.Errorf("no hint for %q", err)
	}
}

func TestOrderOfPlaces(t *testing.T) {
	vendor, mirrorDir := t.TempDir(), t.TempDir()
	mirror, upstream, apt := good(t), good(t), good(t)
	req := request("mirrors", mirror.URL)
	req.URLs = []string{upstream.URL + "/" + path}
	req.DebianPaths = []string{path}
	write(t, filepath.Join(vendor, path), content)
	write(t, filepath.Join(vendor, req.File), content)
	write(t, filepath.Join(mirrorDir, "mirrors", path), content)
	b := newBench(t, fetch.Options{Vendor: vendor, Dir: mirrorDir, AptBases: []string{apt.URL}})
	for _, step := range []struct {
		place string
		after func()
	}{
		{filepath.Join(vendor, path), func() { must(t, os.Remove(filepath.Join(vendor, path))) }},
		{filepath.Join(vendor, req.File), func() { must(t, os.Remove(filepath.Join(vendor, req.File))) }},
		{filepath.Join(mirrorDir, "mirrors", path), func() { must(t, os.Remove(filepath.Join(mirrorDir, "mirrors", path))) }},
		{mirror.URL + "/" + path, mirror.Close},
		{upstream.URL + "/" + path, upstream.Close},
		{apt.URL + "/" + path, apt.Close},
	} {
		a, err := b.Get(t.Context(), req)
		wantArchive(t, a, err)
		if a.Place != step.place {
			t.Errorf("got it from %s, want %s", a.Place, step.place)
		}
		step.after()
		again, err := b.Get(t.Context(), req)
		wantArchive(t, again, err)
		if again.Place != "" {
			t.Errorf("the store has it and %s was asked", again.Place)
		}
		must(t, os.Remove(a.File))
	}
	_, err := b.Get(t.Context(), req)
	wantError(t, err, "Plack-1.0050 can't be fetched:\n", vendor+"/authors", "not found", "connection refused", apt.URL)
}

func TestAnswers(t *testing.T) {
	half := func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:1000])
	}
	unbounded := func(_ int, w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = buf.WriteString("HTTP/1.0 200 OK\r\n\r\nshort")
			_ = errors.Join(buf.Flush(), conn.Close())
		}
	}
	hangUp := func(_ int, w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
	silent := func(_ int, w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	stalls := func(_ int, w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(content[:1000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	wrong := bytes.Repeat([]byte("x"), len(content))
	for name, c := range map[string]struct {
		url   string
		want  []string
		slept int
	}{
		"hangs up":       {serve(t, hangUp).URL, []string{"EOF (4 tries)"}, 3},
		"404":            {status(t, 404).URL, []string{"404 Not Found"}, 0},
		"403":            {status(t, 403).URL, []string{"403 Forbidden"}, 0},
		"500":            {status(t, 500).URL, []string{"500 Internal Server Error (4 tries)"}, 3},
		"down":           {down(t), []string{"connection refused"}, 0},
		"no such host":   {"http://host.invalid", []string{"host.invalid"}, 0},
		"truncated":      {serve(t, half).URL, []string{fmt.Sprintf("truncated: 1000 of %d bytes (4 tries)", len(content))}, 3},
		"no length":      {serve(t, unbounded).URL, []string{fmt.Sprintf("truncated: 5 of %d bytes (4 tries)", len(content))}, 3},
		"silent":         {serve(t, silent).URL, []string{"timed out after 50ms"}, 0},
		"stalls":         {serve(t, stalls).URL, []string{"timed out after 300ms (4 tries)"}, 3},
		"wrong bytes":    {body(t, wrong).URL, []string{fmt.Sprintf("wrong bytes: SHA-256 is %v (%d bytes), the lock says %v", digest.Sum(wrong), len(wrong), digest.Sum(content))}, 0},
		"empty":          {body(t, nil).URL, []string{"wrong bytes: SHA-256 is", "(0 bytes)"}, 0},
		"no mirror":      {filepath.Join(t.TempDir(), "none"), []string{"the mirror's directory", "is not there"}, 0},
		"file not there": {"file://" + t.TempDir(), []string{"not found"}, 0},
		"scheme":         {"ftp://user:secret@host", []string{"ftp", "not supported"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Only those that keep silent may run into the limit, even on a busy machine.
			stall := map[string]time.Duration{"silent": 50 * time.Millisecond, "stalls": 300 * time.Millisecond}[name]
			b := newBench(t, fetch.Options{Stall: stall})
			_, err := b.Get(t.Context(), request(c.url))
			if name == "scheme" {
				if err == nil || strings.Contains(err.Error(), "secret") {
					t.Error(err)
				}
				return
			}
			wantError(t, err, c.want...)
			if len(b.slept) != c.slept {
				t.Errorf("slept %v", b.slept)
			}
			if left, err := os.ReadDir(b.store.dir); err != nil || len(left) > 0 {
				t.Errorf("stored %v, %v", left, err)
			}
			// Another place has it.
			b = newBench(t, fetch.Options{Stall: stall})
			a, err := b.Get(t.Context(), request(c.url, good(t).URL))
			wantArchive(t, a, err)
			if name == "wrong bytes" && b.kinds() != "started wrong-bytes done" {
				t.Errorf("events: %s", b.kinds())
			}
		})
	}
}

func TestVendorWithWrongBytes(t *testing.T) {
	vendor := t.TempDir()
	write(t, filepath.Join(vendor, path), []byte("tampered"))
	b := newBench(t, fetch.Options{Vendor: vendor})
	a, err := b.Get(t.Context(), request(good(t).URL))
	wantArchive(t, a, err)
	if b.kinds() != "started wrong-bytes done" {
		t.Errorf("events: %s", b.kinds())
	}
	b = newBench(t, fetch.Options{Vendor: vendor})
	_, err = b.Get(t.Context(), request())
	wantError(t, err, vendor, "wrong bytes")
	if b.kinds() != "started wrong-bytes failed" {
		t.Errorf("events: %s", b.kinds())
	}
}

func TestRetries(t *testing.T) {
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 0:
			w.WriteHeader(500)
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		case 2:
			w.Header().Set("Retry-After", time.Unix(1009, 0).UTC().Format(http.TimeFormat))
			w.WriteHeader(503)
		default:
			_, _ = w.Write(content)
		}
	})
	b := newBench(t, fetch.Options{Now: func() time.Time { return time.Unix(1000, 0) }})
	a, err := b.Get(t.Context(), request(s.URL))
	wantArchive(t, a, err)
	if want := "[500ms 7s 9s]"; fmt.Sprint(b.slept) != want {
		t.Errorf("slept %v, want %s", b.slept, want)
	}
	if want := "started retrying retrying retrying done"; b.kinds() != want {
		t.Errorf("events: %s", b.kinds())
	}
}

// TestGoesOn breaks the body off twice; with a validator the rest is asked for,
// without one what is known already is passed over.
func TestGoesOn(t *testing.T) {
	for _, tag := range []string{`"1"`, ""} {
		var ranges []string
		s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
			ranges = append(ranges, r.Header.Get("Range"))
			if tag != "" {
				w.Header().Set("ETag", tag)
			}
			if n == 2 {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
				return
			}
			rest := content
			if tag != "" && n == 1 {
				rest = content[1000:]
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 1000-%d/%d", len(content)-1, len(content)))
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(rest)))
			if len(rest) < len(content) {
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = w.Write(rest[:1000*(n+1)])
		})
		b := newBench(t, fetch.Options{})
		a, err := b.Get(t.Context(), request(s.URL))
		wantArchive(t, a, err)
		want := "[ bytes=1000- bytes=3000-]"
		if tag == "" {
			want = "[  ]"
		}
		if fmt.Sprint(ranges) != want {
			t.Errorf("asked for %v, want %s", ranges, want)
		}
	}
}

func TestWrongRange(t *testing.T) {
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if n > 0 {
			w.Header().Set("Content-Range", "bytes 5-9/10")
			w.WriteHeader(http.StatusPartialContent)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:1000])
	})
	_, err := newBench(t, fetch.Options{}).Get(t.Context(), request(s.URL))
	wantError(t, err, `answered with the range "bytes 5-9/10", asked from byte 1000 on`)
}

func TestEndlessBody(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(content); err != nil {
				return
			}
		}
	})
	_, err := newBench(t, fetch.Options{}).Get(t.Context(), request(s.URL))
	wantError(t, err, "more than")
}

// TestEncodedBody: a server that marks archives as gzip-encoded serves them as
// they are, if it isn't asked for gzip.
func TestEncodedBody(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("asked for %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(content)
	})
	a, err := newBench(t, fetch.Options{}).Get(t.Context(), request(s.URL))
	wantArchive(t, a, err)
}

func TestDeadHostIsAskedOnce(t *testing.T) {
	dead := down(t)
	b := newBench(t, fetch.Options{})
	_, err := b.Get(t.Context(), request(dead))
	wantError(t, err, "connection refused")
	_, err = b.Get(t.Context(), request(dead))
	wantError(t, err, "not asked again: connection refused")
}

func TestOffline(t *testing.T) {
	s := serve(t, func(int, http.ResponseWriter, *http.Request) { t.Error("something was asked of the network") })
	vendor := t.TempDir()
	b := newBench(t, fetch.Options{Offline: true, Vendor: vendor, AptBases: []string{s.URL}})
	req := request(s.URL)
	req.DebianPaths = []string{"x"}
	_, err := b.Get(t.Context(), req)
	wantError(t, err, s.URL+"/"+path+": not asked: offline")
	if !errors.Is(err, fetch.ErrOffline) {
		t.Error("not ErrOffline")
	}
	if _, err := b.Read(t.Context(), s.URL, "index"); !errors.Is(err, fetch.ErrOffline) {
		t.Error(err)
	}
	write(t, filepath.Join(vendor, path), content)
	a, err := b.Get(t.Context(), req)
	wantArchive(t, a, err)
}

func TestFullDiskEndsTheSearch(t *testing.T) {
	second := serve(t, func(int, http.ResponseWriter, *http.Request) { t.Error("another place was asked") })
	b := newBench(t, fetch.Options{Store: &directory{dir: t.TempDir(), full: 10}})
	_, err := b.Get(t.Context(), request(good(t).URL, second.URL))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(content[:1000])
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	b := newBench(t, fetch.Options{})
	if _, err := b.Get(ctx, request(s.URL)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, err := os.ReadDir(b.store.dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	var now, most atomic.Int64
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	var reqs []fetch.Request
	for i := range 50 {
		p := fmt.Sprintf("authors/%d.tar.gz", i)
		reqs = append(reqs, fetch.Request{Name: p, Path: p, Mirrors: []string{s.URL}, SHA256: digest.Sum([]byte("/" + p))})
	}
	b := newBench(t, fetch.Options{PerHost: 3})
	var wg sync.WaitGroup
	for _, req := range reqs {
		wg.Go(func() {
			if a, err := b.Get(t.Context(), req); err != nil || a.SHA256 != req.SHA256 {
				t.Errorf("%s: %+v, %v", req.Name, a, err)
			}
		})
	}
	wg.Wait()
	if most.Load() > 3 {
		t.Errorf("%d at once from one host", most.Load())
	}
}
