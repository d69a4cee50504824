package repo_test

import (
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

func TestFolder(t *testing.T) {
	repotest.TestStorage(t, func(t *testing.T) func(*testing.T) repo.Storage {
		root := t.TempDir()
		return func(*testing.T) repo.Storage { return repo.NewFolder(root, time.Now) }
	})
}
