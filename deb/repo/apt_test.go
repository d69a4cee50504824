package repo_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// keyringDeb makes the package of a repository's keys.
func keyringDeb(t *testing.T) func(context.Context, repo.Keyring) (string, error) {
	return func(_ context.Context, k repo.Keyring) (string, error) {
		d := repotest.Deb{Name: k.Name, Version: fmt.Sprint(k.Serial), Path: repo.KeyringPath(k.Name), Content: string(k.Keys)}
		return d.Make(t.TempDir())
	}
}

// asked is a web server for a directory that knows what it was asked for.
type asked struct {
	mu    sync.Mutex
	paths []string
}

func serve(t *testing.T, root string) (url string, a *asked) {
	a = &asked{}
	files := http.FileServer(http.Dir(root))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.paths = append(a.paths, r.URL.Path)
		a.mu.Unlock()
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, a
}

func (a *asked) count(part string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.paths {
		if strings.Contains(p, part) {
			n++
		}
	}
	return n
}

// TestApt lets apt of two Debian releases, with different OpenPGP programs, read a
// repository through its life.
func TestApt(t *testing.T) {
	for _, codename := range []string{"bookworm", "trixie"} {
		t.Run(codename, func(t *testing.T) {
			root := repotest.NewRoot(t, codename)
			for _, transport := range []string{"file", "http"} {
				t.Run(transport, func(t *testing.T) { testApt(t, root, transport) })
			}
		})
	}
}

// aptLife is a repository inside of a root whose apt reads it.
type aptLife struct {
	*testing.T
	root      repotest.Root
	directory *repo.Directory
	dist      string
	url       string
	now       func() time.Time
}

func testApt(t *testing.T, root repotest.Root, transport string) {
	now := repotest.Clock()
	l := &aptLife{T: t, root: root, dist: "stable-" + transport, now: now, directory: repo.NewDirectory(root.Path("srv/"+transport), now)}
	l.url = "file:/srv/" + transport
	var server *asked
	if transport == "http" {
		l.url, server = serve(t, l.directory.Root())
	}
	t.Cleanup(func() {
		root.Must(t, "dpkg", "--purge", "hello", "test-archive-keyring")
		os.Remove(root.Path("etc/apt/sources.list.d/test.sources"))
		os.Remove(root.Path("usr/share/keyrings/test-archive-keyring.gpg"))
	})
	old := repotest.Signer(t, "old", now)
	r := l.init(old)
	add(t, r, repotest.Deb{Name: "hello", Version: "1.0", Arch: "amd64"})
	l.take("usr/share/keyrings/test-archive-keyring.gpg", "test-archive-keyring.gpg")
	l.take("etc/apt/sources.list.d/test.sources", "test-"+l.dist+".sources")
	root.Must(t, "apt-get", "update")
	root.Must(t, "apt-get", "install", "-y", "hello", "test-archive-keyring")
	l.is("1.0")
	if server != nil && server.count("/by-hash/SHA256/") == 0 {
		t.Errorf("apt asked for no index by its hash: %q", server.paths)
	}
	l.upgradeAndBack(r)
	l.changeKeys(old)
}

// init makes or changes the repository.
func (l *aptLife) init(signers ...repo.Signer) *repo.Repository {
	l.Helper()
	s, yes := setup(l.dist), true
	s.Settings.Suite, s.Contents, s.Keyring = "stable", &yes, keyringDeb(l.T)
	r, err := repo.Init(l.Context(), l.directory, s, repo.Options{Signers: signers, XZ: xzPath(l), Now: l.now})
	if err != nil {
		l.Fatal(err)
	}
	if _, err := r.WriteClientFiles(l.Context(), l.url); err != nil {
		l.Fatal(err)
	}
	return r
}

// take puts a file of the repository into the root, as an administrator does.
func (l *aptLife) take(name, from string) {
	l.Helper()
	b, err := os.ReadFile(filepath.Join(l.directory.Root(), from))
	if err != nil {
		l.Fatal(err)
	}
	l.root.Write(l, name, string(b))
}

func (l *aptLife) upgrade() {
	l.Helper()
	l.root.Must(l, "apt-get", "update")
	l.root.Must(l, "apt-get", "upgrade", "-y")
}

// is fails unless hello is installed in that version.
func (l *aptLife) is(want string) {
	l.Helper()
	if got := l.root.Version("hello"); got != want {
		l.Fatalf("hello %q is installed, want %q", got, want)
	}
}

// upgradeAndBack publishes a version, and takes it back.
func (l *aptLife) upgradeAndBack(r *repo.Repository) {
	add(l.T, r, repotest.Deb{Name: "hello", Version: "2.0", Arch: "amd64"})
	l.upgrade()
	l.is("2.0")
	if _, err := r.Rollback(l.Context(), "", 0); err != nil {
		l.Fatal(err)
	}
	l.root.Must(l, "apt-get", "update")
	if policy := l.root.Must(l, "apt-cache", "madison", "hello"); strings.Contains(policy, "2.0") || !strings.Contains(policy, "1.0") {
		l.Errorf("after the rollback apt knows of\n%s", policy)
	}
	l.root.Must(l, "apt-get", "install", "-y", "--allow-downgrades", "hello=1.0")
	l.is("1.0")
}

// changeKeys goes from one key to the next with a client that follows, and to a
// third behind its back.
func (l *aptLife) changeKeys(old repo.Signer) {
	fresh, stranger := repotest.Signer(l, "fresh", l.now), repotest.Signer(l, "stranger", l.now)
	l.init(old, fresh) // the client knows the old key only
	l.upgrade()
	r := l.init(fresh) // it has got both
	add(l.T, r, repotest.Deb{Name: "hello", Version: "3.0", Arch: "amd64"})
	l.upgrade()
	l.is("3.0")
	l.init(fresh, stranger)
	r = l.init(stranger) // it didn't upgrade in between
	add(l.T, r, repotest.Deb{Name: "hello", Version: "4.0", Arch: "amd64"})
	if out, err := l.root.Run("apt-get", "update", "--error-on=any"); err == nil {
		l.Errorf("apt trusts a key that it doesn't know:\n%s", out)
	}
	verify(l.T, r)
}

// add makes packages and publishes them at once.
func add(t *testing.T, r *repo.Repository, debs ...repotest.Deb) []repo.Published {
	t.Helper()
	var paths []string
	for _, d := range debs {
		paths = append(paths, repotest.MakeDeb(t, d))
	}
	out, err := r.Add(t.Context(), repo.Place{}, paths)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// verify fails if anything is wrong with the repository.
func verify(t *testing.T, r *repo.Repository) repo.Verified {
	t.Helper()
	v, err := r.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Problems {
		t.Error(p)
	}
	return v
}
