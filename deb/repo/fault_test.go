package repo_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/skiptest"
)

// faulty is a directory that fails at its n-th writing call: once, as a full disk
// does, or from then on, as it is for a process that was killed.
type faulty struct {
	*repo.Directory
	mu    sync.Mutex
	left  int
	dead  bool
	died  bool
	after bool // the call is done before it fails
}

func (f *faulty) call(do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	failed := f.left == 0
	if failed {
		f.died = true
	}
	if f.died && f.dead || failed {
		if failed && f.after {
			if err := do(); err != nil {
				return err
			}
		}
		return &fs.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC}
	}
	return do()
}

func (f *faulty) Create(ctx context.Context, name string, c repo.Content) error {
	return f.call(func() error { return f.Directory.Create(ctx, name, c) })
}

func (f *faulty) Replace(ctx context.Context, name string, data []byte, was repo.Version) error {
	return f.call(func() error { return f.Directory.Replace(ctx, name, data, was) })
}

func (f *faulty) CreateAll(ctx context.Context, files []repo.NewFile) []error {
	errs := make([]error, len(files))
	for i, file := range files {
		errs[i] = f.Create(ctx, file.Name, file.Content)
	}
	return errs
}

func (f *faulty) ReplaceAll(ctx context.Context, files []repo.Replacement) error {
	for _, file := range files {
		if err := f.Replace(ctx, file.Name, file.Data, file.Was); err != nil {
			return err
		}
	}
	return nil
}

func (f *faulty) Remove(ctx context.Context, name string) error {
	return f.call(func() error { return f.Directory.Remove(ctx, name) })
}

func (f *faulty) Copy(ctx context.Context, from, to string) error {
	return f.call(func() error { return f.Directory.Copy(ctx, from, to) })
}

// tree reads all files of a directory but the directory's own.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.Contains(path, ".envbuild/local/") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		out[strings.TrimPrefix(path, root)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFault lets every single write of a publication fail. What was there must be
// there after it, byte for byte; after a kill clients must see it whole, and the
// next publisher must go on.
func TestFault(t *testing.T) {
	for name, kind := range map[string]struct{ dead, after bool }{
		"full": {}, "full, but done": {after: true}, "killed": {dead: true}, "killed, but done": {dead: true, after: true},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				if !testFault(t, &faulty{dead: kind.dead, after: kind.after, left: n}) {
					if n < 8 {
						t.Errorf("a publication has only %d writes", n-1)
					}
					return
				}
			}
		})
	}
}

// testFault reports whether the publication got as far as the fault.
func testFault(t *testing.T, f *faulty) bool {
	t.Helper()
	now := repotest.Clock()
	directory := repo.NewDirectory(t.TempDir(), now)
	opts := repo.Options{Signers: []repo.Signer{repotest.Signer(t, "key", now)}, XZ: xzPath(t), Now: now}
	r, err := repo.Init(t.Context(), directory, setup("stable"), opts)
	if err != nil {
		t.Fatal(err)
	}
	add(t, r, repotest.Deb{Name: "hello", Version: "1"})
	before := tree(t, directory.Root())
	f.Directory = directory
	n := f.left // the number of the write that fails
	broken, err := repo.Open(t.Context(), f, opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = broken.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "2"})})
	if !f.died {
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	after := tree(t, directory.Root())
	committed := after["/dists/stable/InRelease"] != before["/dists/stable/InRelease"]
	switch {
	case err == nil:
		t.Errorf("write %d failed, but the publication didn't", n)
	case !errors.Is(err, syscall.ENOSPC):
		t.Errorf("write %d: %v", n, err)
	case !f.dead && !f.after && !committed && !maps.Equal(after, before):
		for name := range after {
			if before[name] != after[name] {
				t.Errorf("write %d: %s isn't as it was", n, name)
			}
		}
	case !f.dead && !f.after:
		verify(t, r)
	}
	checkClient(t, directory, opts.Signers[0])
	add(t, r, repotest.Deb{Name: "hello", Version: "2"}, repotest.Deb{Name: "hello", Version: "3"})
	if v := verify(t, r); v.Packages != 3 {
		t.Errorf("write %d: %d packages are there", n, v.Packages)
	}
	return true
}

// checkClient reads the repository from the directory as a client does.
func checkClient(t *testing.T, directory *repo.Directory, signer repo.Signer) {
	t.Helper()
	url, _ := serve(t, directory.Root())
	public, err := signer.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := client{url: url, dist: "stable"}
	if c.keys, err = sign.Keyring(public); err != nil {
		t.Fatal(err)
	}
	for _, xzipped := range []bool{true, false} {
		if _, err := c.update(xzipped); err != nil {
			t.Error(err)
		}
	}
}

// TestReadOnly publishes into a directory that can't be written.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		skiptest.Because(t, "no file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	now := repotest.Clock()
	opts := repo.Options{Signers: []repo.Signer{repotest.Signer(t, "key", now)}, XZ: xzPath(t), Now: now}
	r, err := repo.Init(t.Context(), repo.NewDirectory(dir, now), setup("stable"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, err = r.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "2"})})
	var hinted *repo.DirectoryError
	if !errors.Is(err, syscall.EROFS) || !errors.As(err, &hinted) {
		t.Errorf("Add = %v, want a DirectoryError of EROFS", err)
	}
	if !maps.Equal(tree(t, dir), before) {
		t.Error("something changed")
	}
	verify(t, r)
}
