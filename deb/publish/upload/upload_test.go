package upload_test

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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/deb/publish/upload"
	"github.com/envbuild/envbuild/internal/hint"
)

// faulty answers the first requests for an upload by fault, and the others as
// the product does.
func faulty(p product, faults int, fault http.HandlerFunc) product {
	handle := p.handle
	var mu sync.Mutex
	p.handle = func(s *server, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		broken := r.Method != http.MethodGet && faults > 0
		if broken {
			faults--
		}
		mu.Unlock()
		if broken {
			fault(w, r)
			return
		}
		handle(s, w, r)
	}
	return p
}

// impatient doesn't wait between tries, and keeps what was waited for.
type impatient struct {
	mu     sync.Mutex
	pauses []time.Duration
	events []publish.Event
}

func (i *impatient) options(opts upload.Options) upload.Options {
	opts.Sleep = func(_ context.Context, d time.Duration) error {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.pauses = append(i.pauses, d)
		return nil
	}
	opts.Report = func(e publish.Event) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.events = append(i.events, e)
	}
	return opts
}

func status(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
}

// hangUp reads half of the body and closes the connection.
func hangUp(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	panic(http.ErrAbortHandler)
}

func TestRetries(t *testing.T) {
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	after := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for name, c := range map[string]struct {
		faults int
		fault  http.HandlerFunc
		pauses []time.Duration
		want   string // of the error
	}{
		"5xx once":         {1, status(502, ""), []time.Duration{time.Second / 2}, ""},
		"cut off once":     {1, hangUp, []time.Duration{time.Second / 2}, ""},
		"when it says so":  {2, after, []time.Duration{7 * time.Second, 7 * time.Second}, ""},
		"5xx for ever":     {99, status(503, "out of order"), []time.Duration{time.Second / 2, time.Second, 2 * time.Second}, "answered 503 Service Unavailable: out of order (4 tries)"},
		"cut off for ever": {99, hangUp, []time.Duration{time.Second / 2, time.Second, 2 * time.Second}, "(4 tries)"},
		"not for 4xx":      {99, status(413, "<html>"), nil, "answered 413 Request Entity Too Large"},
		"not for 401":      {99, status(401, "who?"), nil, "answered 401 Unauthorized: who?"},
	} {
		t.Run(name, func(t *testing.T) {
			var i impatient
			s := start(t, faulty(webdav(), c.faults, c.fault))
			_, err := target(t, i.options(s.settings())).Publish(t.Context(), []publish.Package{p})
			_, there := s.Holds(t, p)
			switch {
			case c.want == "" && (err != nil || !there):
				t.Errorf("%v, there %v", err, there)
			case c.want != "" && (err == nil || there || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, there %v; want %s", err, there, c.want)
			case c.want != "":
				wantParts(t, err, "publish to internal: hello_1.0-1_amd64.deb: PUT "+s.URL+"/apt/bookworm/hello_1.0-1_amd64.deb: ")
			}
			if !slices.Equal(i.pauses, c.pauses) {
				t.Errorf("waited for %v, want %v", i.pauses, c.pauses)
			}
		})
	}
}

func wantParts(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v doesn't say %q", err, part)
		}
	}
}

// TestAnswerLost has servers that took the package, but whose answer was lost:
// the next try is refused, and is a success.
func TestAnswerLost(t *testing.T) {
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			handle, lost := p.handle, false
			p.handle = func(s *server, w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet && !lost {
					lost = true
					handle(s, httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				}
				handle(s, w, r)
			}
			s := start(t, p)
			var i impatient
			pkg := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
			done, err := target(t, i.options(s.settings())).Publish(t.Context(), []publish.Package{pkg})
			if err != nil || len(done) != 1 || done[0].Already {
				t.Errorf("published %+v, %v", done, err)
			}
		})
	}
}

// TestUnreachable has nobody at the address.
func TestUnreachable(t *testing.T) {
	s := start(t, webdav())
	s.Close()
	var i impatient
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	_, err := target(t, i.options(s.settings())).Publish(t.Context(), []publish.Package{p})
	wantParts(t, err, "internal", "hello_1.0-1_amd64.deb", "connection refused (4 tries)")
	wantHint(t, err, "proxy variables")
}

func wantHint(t *testing.T, err error, want string) {
	t.Helper()
	if got := hint.Of(err); !strings.Contains(got, want) {
		t.Errorf("the hint of %v is %q, want %q", err, got, want)
	}
}

// TestStall has a server that takes nothing.
func TestStall(t *testing.T) {
	release := make(chan struct{})
	s := start(t, faulty(webdav(), 99, func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release) }) // before the server is closed
	var i impatient
	opts := i.options(s.settings())
	opts.Stall = 20 * time.Millisecond
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	_, err := target(t, opts).Publish(t.Context(), []publish.Package{p})
	wantParts(t, err, "nothing moved for 20ms (4 tries)")
}

// TestSpoilt has a server, or something before it, that keeps half of what it
// was sent.
func TestSpoilt(t *testing.T) {
	p := webdav()
	p.handle = func(s *server, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			s.get(w, r.URL.Path)
			return
		}
		b, _ := io.ReadAll(r.Body)
		s.put(r.URL.Path, b[:len(b)/2], true)
	}
	s := start(t, p)
	pkg := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	_, err := s.Target(t).Publish(t.Context(), []publish.Package{pkg})
	wantParts(t, err, "accepted it, but "+s.URL+"/apt/bookworm/hello_1.0-1_amd64.deb holds other bytes")
	wantHint(t, err, "delete the package")
}

// TestRedirect has addresses that lead elsewhere. net/http would make a GET of a
// PUT, which succeeds without having uploaded anything.
func TestRedirect(t *testing.T) {
	for _, code := range []int{301, 302, 307, 308} {
		s := start(t, faulty(webdav(), 1, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example.org/apt?signature=s3same", code)
		}))
		p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
		_, err := s.Target(t).Publish(t.Context(), []publish.Package{p})
		wantParts(t, err, fmt.Sprintf("answered %d", code), "leads to https://other.example.org/apt?…")
		wantHint(t, err, "write that address into the spec")
		if err != nil && strings.Contains(err.Error(), "s3same") {
			t.Error(err)
		}
	}
}

// TestDownloadRedirect has packages that lie on another host, as Artifactory's
// in buckets do. It must get no secret.
func TestDownloadRedirect(t *testing.T) {
	var leaked []string
	bucket := start(t, product{handle: func(s *server, w http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("X-JFrog-Art-Api")+r.Header.Get("Authorization"))
		s.get(w, r.URL.Path)
	}})
	p := artifactory()
	handle := p.handle
	p.handle = func(s *server, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.Redirect(w, r, bucket.URL+r.URL.Path, http.StatusFound)
			return
		}
		handle(s, w, r)
	}
	s := start(t, p)
	pkg := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	b, err := os.ReadFile(pkg.Path)
	if err != nil {
		t.Fatal(err)
	}
	bucket.put("/artifactory/apt-local/pool/"+pkg.File(), b, true)
	done, err := s.Target(t).Publish(t.Context(), []publish.Package{pkg})
	if err != nil || len(done) != 1 || !done[0].Already {
		t.Errorf("published %+v, %v", done, err)
	}
	if strings.Join(leaked, "") != "" || len(leaked) == 0 {
		t.Errorf("the other host was sent %q", leaked)
	}
}

// TestWebPage has a server that shows people where to log in.
func TestWebPage(t *testing.T) {
	s := start(t, product{options: gitea().options, env: token, handle: func(_ *server, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!DOCTYPE html><html><body>Log in</body></html>")
	}})
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	_, err := s.Target(t).Publish(t.Context(), []publish.Package{p})
	wantParts(t, err, "answered with a web page")
	wantHint(t, err, "http.download")
}

// TestWriteOnly has a server from which nothing can be had.
func TestWriteOnly(t *testing.T) {
	handle := webdav().handle
	s := start(t, product{options: webdav().options, handle: func(s *server, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		handle(s, w, r)
	}})
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	var i impatient
	if _, err := target(t, i.options(s.settings())).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Error(err)
	}
	if _, there := s.Holds(t, p); !there {
		t.Error("it is not there")
	}
	for _, e := range i.events {
		if e.Kind == publish.Doubt {
			t.Errorf("%+v", e)
		}
	}
}

// TestNoDownload has a server that says 409, and a spec that doesn't say where
// packages are.
func TestNoDownload(t *testing.T) {
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	conflict := start(t, product{options: func(base string) upload.Options {
		return upload.Options{Method: "POST", URL: fill(base + "/upload")}
	}, handle: func(_ *server, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }})
	_, err := conflict.Target(t).Publish(t.Context(), []publish.Package{p})
	wantParts(t, err, "answered 409 Conflict")
	wantHint(t, err, "http.download")
}

// TestDoubt has a spec that is wrong about where packages are.
func TestDoubt(t *testing.T) {
	s := start(t, gitea())
	var i impatient
	opts := i.options(s.settings())
	opts.Download = fill(s.URL + "/elsewhere/${file}")
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	if _, err := target(t, opts).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(i.events, func(e publish.Event) bool {
		return e.Kind == publish.Doubt && strings.Contains(e.Message, "can't be had from "+s.URL+"/elsewhere/hello_1.0-1_amd64.deb")
	}) {
		t.Errorf("events %+v", i.events)
	}
}

// TestProgress sends what is worth a few messages.
func TestProgress(t *testing.T) {
	s := start(t, product{options: webdav().options, handle: func(s *server, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			s.get(w, r.URL.Path)
			return
		}
		b, _ := io.ReadAll(r.Body)
		s.put(r.URL.Path, b, true)
	}})
	content := bytes.Repeat([]byte("x"), 1<<20)
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	p = publishtest.Refill(t, p, content)
	var i impatient
	if _, err := target(t, i.options(s.settings())).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Fatal(err)
	}
	last := i.events[len(i.events)-1]
	if last.Kind != publish.Sent || last.Name != p.File() || len(i.events) < 5 || len(i.events) > 12 {
		t.Errorf("%d events, the last %+v", len(i.events), last)
	}
}

// TestSecrets looks for secrets in everything that is said, whatever a server
// throws back.
func TestSecrets(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://ops:s3same@example.org/?x=s3same")
		code := http.StatusForbidden
		if r.Method == http.MethodGet {
			code = http.StatusNotFound
		}
		w.WriteHeader(code)
		name, password, _ := r.BasicAuth()
		fmt.Fprint(w, r.Header, name, password)
	}
	for _, p := range products() {
		if p.env == nil {
			continue
		}
		p.handle = func(_ *server, w http.ResponseWriter, r *http.Request) { echo(w, r) }
		s := start(t, p)
		var i impatient
		pkg := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
		_, err := target(t, i.options(s.settings())).Publish(t.Context(), []publish.Package{pkg})
		if err == nil {
			t.Fatalf("%s: no error", p.name)
		}
		said := fmt.Sprintf("%v %+v %+v", err, err, i.events)
		for unwrapped := errors.Unwrap(err); unwrapped != nil; unwrapped = errors.Unwrap(unwrapped) {
			said += fmt.Sprintf("%v", unwrapped)
		}
		if strings.Contains(said, "s3same") || strings.Contains(said, "b3BzOnMzc2FtZQ") {
			t.Errorf("%s: %s", p.name, said)
		}
	}
}

// TestCredentials looks where logins and tokens come from.
func TestCredentials(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".netrc"), []byte("machine 127.0.0.1 login ops password s3same\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	for name, c := range map[string]struct {
		product product
		env     map[string]string
		want    string
	}{
		"variables":        {product: nexus(), env: login},
		"netrc":            {product: nexus(), env: map[string]string{"HOME": home}},
		"another netrc":    {product: nexus(), env: map[string]string{"NETRC": filepath.Join(home, ".netrc")}},
		"token":            {product: gitea(), env: token},
		"no login":         {product: nexus(), want: "there is no user name and password"},
		"no token":         {product: gitea(), want: "there is no token"},
		"wrong login":      {product: nexus(), env: map[string]string{"ENVBUILD_PUBLISH_INTERNAL_USER": "ops", "ENVBUILD_PUBLISH_INTERNAL_PASSWORD": "wr0ng"}, want: "answered 401"},
		"variables win":    {product: nexus(), env: map[string]string{"HOME": home, "ENVBUILD_PUBLISH_INTERNAL_USER": "ops", "ENVBUILD_PUBLISH_INTERNAL_PASSWORD": "wr0ng"}, want: "answered 401"},
		"another target's": {product: gitea(), env: map[string]string{"ENVBUILD_PUBLISH_OTHER_TOKEN": "t0ken-s3same"}, want: "there is no token"},
	} {
		c.product.env = c.env
		s := start(t, c.product)
		target, err := upload.New(s.settings())
		if err == nil {
			_, err = target.Publish(t.Context(), []publish.Package{p})
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "":
			wantParts(t, err, c.want, "internal")
			if err != nil && (strings.Contains(err.Error(), "wr0ng") || strings.Contains(err.Error(), "s3same")) {
				t.Errorf("%s: %v", name, err)
			}
			wantHint(t, err, "ENVBUILD_PUBLISH_INTERNAL")
		}
	}
}

// TestProxy sends everything through a proxy.
func TestProxy(t *testing.T) {
	s := start(t, webdav())
	var through []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through = append(through, r.Method+" "+r.URL.Host)
		r.URL.Host, r.RequestURI = strings.TrimPrefix(s.URL, "http://"), ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	defer proxy.Close()
	opts := s.settings()
	opts.URL = fill("http://apt.example.org/apt/bookworm/${file}")
	opts.Getenv = func(name string) string { return map[string]string{"http_proxy": proxy.URL}[name] }
	p := publishtest.Make(t, "hello", "1.0-1", "amd64", "one")
	if _, err := target(t, opts).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET apt.example.org", "PUT apt.example.org", "GET apt.example.org"}; !slices.Equal(through, want) {
		t.Errorf("through the proxy went %q, want %q", through, want)
	}
}

// TestAddresses puts what a version can hold into addresses.
func TestAddresses(t *testing.T) {
	s := start(t, webdav())
	opts := s.settings()
	opts.URL = fill(s.URL + "/${name}/${initial}?v=${version}&a=${arch}&d=${distribution}&c=${component}&s=${sha256}&f=${file}")
	var asked []string
	opts.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		return http.DefaultTransport.RoundTrip(r)
	})
	p := publishtest.Make(t, "libx++", "1:2~rc1+b-1", "all", "one")
	if _, err := target(t, opts).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Fatal(err)
	}
	want := s.URL + "/libx%2B%2B/l?v=1%3A2~rc1%2Bb-1&a=all&d=bookworm&c=main&s=" + p.SHA256.String() + "&f=libx%2B%2B_2~rc1%2Bb-1_all.deb"
	if asked[0] != want {
		t.Errorf("asked %s, want %s", asked[0], want)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
