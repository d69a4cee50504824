package aptly_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/aptly"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/servertest"
)

// server is a running aptly.
type server struct{ *servertest.Aptly }

func newServer(t *testing.T) *server { return &server{servertest.StartAptly(t)} }

func (s *server) options() aptly.Options {
	return aptly.Options{
		Name: "internal", URL: s.URL, Repo: "internal", Prefix: "debian", Distribution: "bookworm", Unsigned: true,
		Getenv: func(string) string { return "" },
	}
}

func (s *server) Target(t *testing.T) publish.Target { return target(t, s.options()) }

func target(t *testing.T, opts aptly.Options) publish.Target {
	t.Helper()
	out, err := aptly.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Holds reads the published index, as apt does.
func (s *server) Holds(t *testing.T, p publish.Package) (digest.SHA256, bool) {
	t.Helper()
	top := filepath.Join(s.Dir, "public", "debian")
	index, err := os.ReadFile(filepath.Join(top, "dists/bookworm/main/binary-amd64/Packages"))
	if err != nil {
		t.Fatal(err)
	}
	for stanza := range strings.SplitSeq(string(index), "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(stanza) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			fields[name] = value
		}
		if fields["Package"] != p.Name || fields["Version"] != p.Version {
			continue
		}
		b, err := os.ReadFile(filepath.Join(top, fields["Filename"]))
		if err != nil {
			t.Fatal(err)
		}
		return digest.Sum(b), true
	}
	return digest.SHA256{}, false
}

func TestTarget(t *testing.T) {
	publishtest.TestTarget(t, func(t *testing.T) publishtest.Server { return newServer(t) })
}

// TestUploadsAreRemoved looks for what failed uploads could leave.
func TestUploadsAreRemoved(t *testing.T) {
	s := newServer(t)
	p := publishtest.Make(t, "hello", "1-1", "amd64", "one")
	broken := publishtest.Refill(t, p, []byte("no package"))
	_, err := s.Target(t).Publish(t.Context(), []publish.Package{broken})
	if err == nil || !strings.Contains(err.Error(), "aptly refused it: Unable to read file") {
		t.Errorf("publish of no package: %v", err)
	}
	if _, err := s.Target(t).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(s.Dir, "upload"))
	if err != nil || len(left) != 0 {
		t.Errorf("%d directories are left, %v", len(left), err)
	}
}

func TestSetup(t *testing.T) {
	s := newServer(t)
	s.Run(t, "repo", "create", "other")
	s.Run(t, "snapshot", "create", "snap", "empty")
	s.Run(t, "publish", "snapshot", "-architectures=amd64", "-distribution=frozen", "snap")
	p := publishtest.Make(t, "hello", "1-1", "amd64", "one")
	for name, c := range map[string]struct {
		change func(*aptly.Options)
		arch   string
		want   string
	}{
		"no repository": {change: func(o *aptly.Options) { o.Repo = "nosuch" }, want: "aptly has no local repository nosuch"},
		"not published": {change: func(o *aptly.Options) { o.Distribution = "trixie" }, want: "aptly publishes nothing as debian/trixie"},
		"another's":     {change: func(o *aptly.Options) { o.Repo = "other" }, want: "isn't made of the local repository other"},
		"snapshot":      {change: func(o *aptly.Options) { o.Prefix, o.Distribution = ".", "frozen" }, want: "isn't made of the local repository internal"},
		"architecture":  {arch: "arm64", want: "for amd64 only, so that hello_1-1_arm64.deb would be left out"},
	} {
		opts := s.options()
		if c.change != nil {
			c.change(&opts)
		}
		p := p
		if c.arch != "" {
			p = publishtest.Make(t, "hello", "1-1", c.arch, "one")
		}
		_, err := target(t, opts).Publish(t.Context(), []publish.Package{p})
		if err == nil || !strings.Contains(err.Error(), c.want) || hint.Of(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, there := s.Holds(t, p); there {
			t.Errorf("%s: it is there", name)
		}
	}
}

// TestSigningFails has an aptly without a key.
func TestSigningFails(t *testing.T) {
	s := newServer(t)
	s.Restart(t, map[string]any{"gpgProvider": "internal"})
	opts := s.options()
	opts.Unsigned, opts.Sleep = false, func(context.Context, time.Duration) error { return nil }
	p := publishtest.Make(t, "hello", "1-1", "amd64", "one")
	_, err := target(t, opts).Publish(t.Context(), []publish.Package{p})
	if err == nil || !strings.Contains(err.Error(), "the packages are in internal, but aptly can't publish it: PUT "+s.URL+"/api/publish/debian/bookworm: answered 500") {
		t.Fatal(err)
	}
	// What is added but not published is published by the next call.
	if _, there := s.Holds(t, p); there {
		t.Error("it was published")
	}
	opts.Unsigned = true
	if _, err := target(t, opts).Publish(t.Context(), []publish.Package{p}); err != nil {
		t.Fatal(err)
	}
	if _, there := s.Holds(t, p); !there {
		t.Error("it was not published")
	}
}

// TestNotAptly has a server that is something else, and one that wants a login.
func TestNotAptly(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, ok := r.BasicAuth(); !ok || name != "ops" || password != "s3same" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, "<html><body>no %s</body></html>", r.Header.Get("Authorization"))
			return
		}
		fmt.Fprint(w, "<html>Welcome</html>")
	}))
	defer web.Close()
	p := publishtest.Make(t, "hello", "1-1", "amd64", "one")
	for password, want := range map[string]string{
		"s3same": "answered with something that aptly doesn't say", "wr0ng!": "answered 401 Unauthorized",
	} {
		env := map[string]string{"ENVBUILD_PUBLISH_INTERNAL_USER": "ops", "ENVBUILD_PUBLISH_INTERNAL_PASSWORD": password}
		_, err := target(t, aptly.Options{
			Name: "internal", URL: web.URL, Repo: "internal", Prefix: ".", Distribution: "bookworm",
			Variables: "ENVBUILD_PUBLISH_INTERNAL", Getenv: func(name string) string { return env[name] },
		}).Publish(t.Context(), []publish.Package{p})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), password) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
