package repo_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

func TestDirectory(t *testing.T) {
	repotest.TestStorage(t, func(t *testing.T) func(*testing.T) repo.Storage {
		root := t.TempDir()
		return func(*testing.T) repo.Storage { return repo.NewDirectory(root, time.Now) }
	})
}

func TestMemory(t *testing.T) {
	repotest.TestStorage(t, func(t *testing.T) func(*testing.T) repo.Storage {
		m := repotest.NewMemory(time.Now)
		return func(*testing.T) repo.Storage { return m }
	})
}

// TestDirectoryFull writes to a file system that is too small.
func TestDirectoryFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		skiptest.Because(t, "no small file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	f := repo.NewDirectory(dir, time.Now)
	err := f.Create(t.Context(), "pool/big.deb", repo.Bytes(make([]byte, 1<<20)))
	var hinted *repo.DirectoryError
	if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &hinted) {
		t.Errorf("Create = %v, want a DirectoryError of ENOSPC", err)
	}
	left := 0
	walk := func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			left++
		}
		return err
	}
	if err := filepath.WalkDir(dir, walk); err != nil || left > 0 {
		t.Errorf("%d files are left, %v", left, err)
	}
	if err := f.Create(t.Context(), "pool/small.deb", repo.Bytes(make([]byte, 1000))); err != nil {
		t.Errorf("what fits: %v", err)
	}
}

// TestDirectorySweep leaves what a killed writer left if it may be written still.
func TestDirectorySweep(t *testing.T) {
	dir := t.TempDir()
	f := repo.NewDirectory(dir, time.Now)
	if err := f.Create(t.Context(), "pool/a.deb", repo.Bytes(nil)); err != nil {
		t.Fatal(err)
	}
	temps := filepath.Join(dir, ".envbuild/local/tmp")
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "new": 0} {
		path := filepath.Join(temps, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sweep(t.Context(), now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temps)
	if err != nil || len(left) != 1 || left[0].Name() != "new" {
		t.Errorf("left are %v, %v", left, err)
	}
}
