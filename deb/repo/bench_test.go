package repo_test

import (
	"fmt"
	"testing"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// BenchmarkAdd adds one package to many in one process, without what a process
// and a clock cost; `make bench-repo` is about those.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{100, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			now := repotest.Clock()
			opts := repo.Options{Signers: []repo.Signer{repotest.Signer(b, "key", now)}, XZ: xzPath(b), Now: now}
			r, err := repo.Init(b.Context(), repo.NewDirectory(b.TempDir(), now), setup("stable"), opts)
			if err != nil {
				b.Fatal(err)
			}
			dir, next := b.TempDir(), 0
			make := func() string {
				next++
				path, err := repotest.Deb{Name: fmt.Sprintf("package%d", next), Version: "1"}.Make(dir)
				if err != nil {
					b.Fatal(err)
				}
				return path
			}
			var paths []string
			for range n {
				paths = append(paths, make())
			}
			if _, err := r.Add(b.Context(), repo.Place{}, paths); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.StopTimer()
				path := make()
				b.StartTimer()
				if _, err := r.Add(b.Context(), repo.Place{}, []string{path}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
