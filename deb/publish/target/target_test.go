package target

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/pkgspec"
)

// TestKinds has a row for each kind of the spec, and no other.
func TestKinds(t *testing.T) {
	var known []string
	for _, k := range kinds() {
		known = append(known, k.name)
		if (k.place == nil) == (k.server == nil) {
			t.Errorf("%s is managed by both, or by nobody", k.name)
		}
	}
	if want := pkgspec.PublishKinds(); !slices.Equal(known, want) {
		t.Errorf("the table has %v, the spec %v", known, want)
	}
}

func parse(t *testing.T, publish string) *pkgspec.Spec {
	t.Helper()
	text := "name: hello\nmaintainer: Ops <ops@example.org>\nruntime: {perl: \"~5.36\"}\npublish:\n" + publish
	spec, err := pkgspec.Parse("envbuild.yaml", []byte(text), pkgspec.Perl())
	if err != nil {
		t.Fatal(err)
	}
	spec.Dir = t.TempDir()
	return spec
}

func options(spec *pkgspec.Spec) Options {
	xz, _ := exec.LookPath("xz")
	return Options{Spec: spec, Options: managed.Options{Now: time.Now, XZ: xz, Notice: func(string) {}}}
}

// TestOpen opens a target of each kind without asking anybody.
func TestOpen(t *testing.T) {
	spec := parse(t, `
  dir: {dir: apt, distribution: stable, sign: {key: k.asc}, create: {key: true}}
  bucket: {s3: {bucket: apt-example, endpoint: "https://s3.example.org"}, distribution: stable, sign: {command: [sign]}}
  host: {ssh: "nowhere.invalid:/srv", distribution: stable, sign: {command: [sign]}}
  aptly: {aptly: {url: "https://aptly.example.org", repo: internal}, distribution: stable}
  server: {http: {url: "https://apt.example.org/${file}", auth: bearer}}
`)
	opts := options(spec)
	opts.Environ = []string{"ENVBUILD_PUBLISH_SERVER_TOKEN=x", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "PATH=" + os.Getenv("PATH")}
	for _, target := range spec.Publish {
		if target.Name == "host" {
			continue // package sftp tests that
		}
		_, done, err := Open(t.Context(), target, opts)
		if err != nil {
			t.Errorf("%s: %v", target.Name, err)
			continue
		}
		if err := done(); err != nil {
			t.Errorf("%s: %v", target.Name, err)
		}
		r, done, err := OpenRepository(t.Context(), target, opts)
		var usage *publish.UsageError
		switch target.Name {
		case "aptly", "server":
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), "is managed by its own server") {
				t.Errorf("%s: %v", target.Name, err)
			}
			continue
		case "bucket":
			if r == nil || r.URL != "https://s3.example.org/apt-example" {
				t.Errorf("%s: %+v", target.Name, r)
			}
		}
		if err := errors.Join(err, done()); err != nil {
			t.Errorf("%s: %v", target.Name, err)
		}
	}
	opts.Offline = true
	for _, target := range spec.Publish {
		_, _, err := Open(t.Context(), target, opts)
		if offline := strings.Contains(errors.Join(err, errors.New("")).Error(), "--offline"); offline == (target.Name == "dir") {
			t.Errorf("%s, offline: %v", target.Name, err)
		}
	}
	for name, want := range map[string]string{"": "the spec has several targets: dir, bucket", "x": `the spec has no target "x"`} {
		if _, err := Choose(spec, name); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("Choose(%q): %v", name, err)
		}
	}
}

// TestCreate makes key and repository on the way, once.
func TestCreate(t *testing.T) {
	spec := parse(t, "  internal: {dir: apt, distribution: stable, sign: {key: keys/k.asc}, create: {key: true, label: Ours}}\n")
	opts := options(spec)
	var said []string
	opts.Notice = func(m string) { said = append(said, m) }
	p := publishtest.Make(t, "hello", "1.0-1", "all", "one")
	for range 2 {
		target, done, err := Open(t.Context(), spec.Publish[0], opts)
		if err != nil {
			t.Fatal(err)
		}
		published, err := target.Publish(t.Context(), []publish.Package{p})
		if err != nil || len(published) != 1 || published[0].Location != filepath.Join(spec.Dir, "apt/pool/h/hello/hello_1.0-1_all.deb") {
			t.Errorf("published %+v, %v", published, err)
		}
		if err := done(); err != nil {
			t.Error(err)
		}
	}
	if len(said) != 2 || !strings.HasPrefix(said[0], "made the secret key ") || !strings.HasPrefix(said[1], "made the distribution stable at ") {
		t.Errorf("said %q", said)
	}
	// A key that is lost isn't replaced by another.
	if err := os.Remove(filepath.Join(spec.Dir, "keys/k.asc")); err != nil {
		t.Fatal(err)
	}
	var at *pkgspec.Error
	if _, _, err := Open(t.Context(), spec.Publish[0], opts); !errors.As(err, &at) || !strings.Contains(err.Error(), "is missing, with which the repository") {
		t.Errorf("a lost key: %v", err)
	}
}

// TestMissing says how a repository is made that isn't there.
func TestMissing(t *testing.T) {
	spec := parse(t, "  internal: {dir: apt, distribution: stable, component: extra, sign: [{gpg: a}, {command: [b, c]}]}\n")
	opts := options(spec)
	target, _, err := Open(t.Context(), spec.Publish[0], opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = target.Publish(t.Context(), []publish.Package{publishtest.Make(t, "hello", "1.0-1", "all", "one")})
	want := `envbuild repo init --distribution stable --component extra --sign-gpg a --sign-command "b c" ` + spec.Dir + "/apt, or let the spec make it: create: {}"
	if hint.Of(err) != want {
		t.Errorf("%v, %s", err, hint.Of(err))
	}
}
