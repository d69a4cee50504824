package fetch_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/fetch"
)

// protected serves the archive to those who know the password.
func protected(t *testing.T) *httptest.Server {
	return serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if name, password, ok := r.BasicAuth(); !ok || name != "ops" || password != "s3 cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(content)
	})
}

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func netrc(t *testing.T, text string) func(string) string {
	t.Helper()
	home := t.TempDir()
	must(t, os.WriteFile(filepath.Join(home, ".netrc"), []byte(text), 0o600))
	return environment(map[string]string{"HOME": home})
}

func TestCredentials(t *testing.T) {
	s := protected(t)
	host, _, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	t.Run("netrc", func(t *testing.T) {
		b := newBench(t, fetch.Options{Getenv: netrc(t, "machine "+host+" login ops password \"s3 cret\"")})
		a, err := b.Get(t.Context(), request(s.URL))
		wantArchive(t, a, err)
	})
	t.Run("default entry", func(t *testing.T) {
		b := newBench(t, fetch.Options{Getenv: netrc(t, "machine other login x\ndefault login ops password \"s3 cret\"")})
		a, err := b.Get(t.Context(), request(s.URL))
		wantArchive(t, a, err)
	})
	t.Run("broken netrc", func(t *testing.T) {
		b := newBench(t, fetch.Options{Getenv: netrc(t, "machine\nhost login ops s3cret")})
		_, err := b.Get(t.Context(), request(s.URL))
		wantError(t, err, ".netrc:2: expected machine")
		if strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
		}
	})
	t.Run("address", func(t *testing.T) {
		with := strings.Replace(s.URL, "http://", "http://ops:s3%20cret@", 1)
		b := newBench(t, fetch.Options{})
		a, err := b.Get(t.Context(), request(with))
		wantArchive(t, a, err)
		for _, e := range b.events {
			if strings.Contains(e.Place, "ops") {
				t.Errorf("event with credentials: %+v", e)
			}
		}
		if strings.Contains(a.Place, "ops") {
			t.Errorf("place with credentials: %s", a.Place)
		}
	})
	t.Run("never shown", func(t *testing.T) {
		for _, address := range []string{
			strings.Replace(s.URL, "http://", "http://ops:hunter2@", 1),
			strings.Replace(down(t), "http://", "http://ops:hunter2@", 1),
			"https://ops:hunter2@host.invalid",
			s.URL + "/?token=hunter2",
		} {
			_, err := newBench(t, fetch.Options{}).Get(t.Context(), request(address))
			wantError(t, err)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("credentials are shown: %v", err)
			}
		}
	})
}

// TestRedirects: credentials go to the host that they are for and to no other,
// not even to another port of it.
func TestRedirects(t *testing.T) {
	open := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" && strings.Contains(r.Header.Get("Referer"), "s3") {
			t.Errorf("credentials were sent on: %v", r.Header)
		}
		_, _ = w.Write(content)
	})
	first := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/here") {
			http.Redirect(w, r, open.URL, http.StatusFound)
			return
		}
		http.Redirect(w, r, r.URL.Path+"/here", http.StatusMovedPermanently)
	})
	b := newBench(t, fetch.Options{})
	a, err := b.Get(t.Context(), request(strings.Replace(first.URL, "http://", "http://ops:s3cret@", 1)))
	wantArchive(t, a, err)

	var loop *httptest.Server
	loop = serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, loop.URL, http.StatusFound) })
	_, err = newBench(t, fetch.Options{}).Get(t.Context(), request(loop.URL))
	wantError(t, err, "redirected more than 10 times")
}

func TestRedirectToPlainHTTP(t *testing.T) {
	plain := good(t)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusFound)
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // the client refuses its certificate
	t.Cleanup(secure.Close)
	_, err := newBench(t, fetch.Options{Client: secure.Client()}).Get(t.Context(), request(secure.URL))
	wantError(t, err, "redirected from https to "+plain.URL)
	_, err = newBench(t, fetch.Options{}).Get(t.Context(), request(secure.URL))
	wantError(t, err, "certificate")
}

func TestProxy(t *testing.T) {
	proxy := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		u, err := url.Parse(r.RequestURI)
		if err != nil || u.Host != "mirror.example" {
			t.Errorf("asked for %s", r.RequestURI)
		}
		_, _ = w.Write(content)
	})
	for _, name := range []string{"http_proxy", "HTTP_PROXY"} {
		b := newBench(t, fetch.Options{Getenv: environment(map[string]string{name: proxy.URL})})
		a, err := b.Get(t.Context(), request("http://mirror.example/cpan"))
		wantArchive(t, a, err)
	}
	dead := strings.Replace(down(t), "http://", "http://u:hunter2@", 1)
	b := newBench(t, fetch.Options{Getenv: environment(map[string]string{"http_proxy": dead})})
	_, err := b.Get(t.Context(), request("http://mirror.example/cpan"))
	wantError(t, err, "the proxy: connection refused")
	if strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	direct := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	b = newBench(t, fetch.Options{Getenv: environment(map[string]string{"http_proxy": dead, "no_proxy": "127.0.0.1"})})
	if _, err := b.Read(t.Context(), direct.URL, "x"); err != nil {
		t.Error(err)
	}
}
