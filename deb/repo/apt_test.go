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

// asked is a web server for a folder that knows what it was asked for.
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

func testApt(t *testing.T, root repotest.Root, transport string) {
	dir, dist := "srv/"+transport, "stable-"+transport
	t.Cleanup(func() {
		root.Must(t, "dpkg", "--purge", "hello", "test-archive-keyring")
		os.Remove(root.Path("etc/apt/sources.list.d/test.sources"))
		os.Remove(root.Path("usr/share/keyrings/test-archive-keyring.gpg"))
	})
	now := repotest.Clock()
	old, fresh := repotest.Signer(t, "old", now), repotest.Signer(t, "fresh", now)
	folder := repo.NewFolder(root.Path(dir), now)
	url, server := "file:/"+dir, (*asked)(nil)
	if transport == "http" {
		url, server = serve(t, root.Path(dir))
	}
	initialize := func(signers ...repo.Signer) *repo.Repository {
		t.Helper()
		s := setup(dist)
		s.Settings.Suite, s.Settings.Contents, s.Keyring = "stable", true, keyringDeb(t)
		r, err := repo.Init(t.Context(), folder, s, repo.Options{Signers: signers, XZ: xzPath(t), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.WriteClientFiles(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := initialize(old)
	add(t, r, repotest.Deb{Name: "hello", Version: "1.0", Arch: "amd64"})
	install := func(name, from string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(folder.Root(), from))
		if err != nil {
			t.Fatal(err)
		}
		root.Write(t, name, string(b))
	}
	install("usr/share/keyrings/test-archive-keyring.gpg", "test-archive-keyring.gpg")
	install("etc/apt/sources.list.d/test.sources", "test-"+dist+".sources")

	is := func(want string) {
		t.Helper()
		if got := root.Version("hello"); got != want {
			t.Fatalf("hello %q is installed, want %q", got, want)
		}
	}
	root.Must(t, "apt-get", "update")
	root.Must(t, "apt-get", "install", "-y", "hello", "test-archive-keyring")
	is("1.0")
	if server != nil && server.count("/by-hash/SHA256/") == 0 {
		t.Errorf("apt asked for no index by its hash: %q", server.paths)
	}

	add(t, r, repotest.Deb{Name: "hello", Version: "2.0", Arch: "amd64"})
	root.Must(t, "apt-get", "update")
	root.Must(t, "apt-get", "upgrade", "-y")
	is("2.0")

	if _, err := r.Rollback(t.Context(), "", 0); err != nil {
		t.Fatal(err)
	}
	root.Must(t, "apt-get", "update")
	if policy := root.Must(t, "apt-cache", "madison", "hello"); strings.Contains(policy, "2.0") || !strings.Contains(policy, "1.0") {
		t.Errorf("after the rollback apt knows of\n%s", policy)
	}
	root.Must(t, "apt-get", "install", "-y", "--allow-downgrades", "hello=1.0")
	is("1.0")

	initialize(old, fresh) // clients know the old key only
	root.Must(t, "apt-get", "update")
	root.Must(t, "apt-get", "upgrade", "-y")
	r = initialize(fresh) // clients have got both
	add(t, r, repotest.Deb{Name: "hello", Version: "3.0", Arch: "amd64"})
	root.Must(t, "apt-get", "update")
	root.Must(t, "apt-get", "upgrade", "-y")
	is("3.0")

	stranger := repotest.Signer(t, "stranger", now)
	initialize(fresh, stranger)
	r = initialize(stranger) // clients didn't upgrade in between
	add(t, r, repotest.Deb{Name: "hello", Version: "4.0", Arch: "amd64"})
	if out, err := root.Run("apt-get", "update", "--error-on=any"); err == nil {
		t.Errorf("apt trusts a key that it doesn't know:\n%s", out)
	}
	verify(t, r)
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
