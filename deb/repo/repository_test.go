package repo_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// xz is the program's path; setup installs it.
func xz(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("xz")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func setup(dist string) repo.Setup {
	return repo.Setup{Name: "test", Settings: repo.Settings{
		Distribution: dist, Origin: "Test", Label: "Test", Components: []string{"main"}, Architectures: []string{"amd64"},
	}}
}

func TestAdd(t *testing.T) {
	root := t.TempDir()
	opts := repo.Options{Signers: []repo.Signer{repotest.Signer(t, "key", time.Now)}, XZ: xz(t)}
	r, err := repo.Init(t.Context(), repo.NewFolder(root, time.Now), setup("bookworm"), opts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1.0"})})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	out, _ := exec.Command("sh", "-c", "cd "+root+"; find . -type f | sort; cat dists/bookworm/InRelease; cat dists/bookworm/main/binary-amd64/Packages; xz -lv dists/bookworm/main/binary-amd64/Packages.xz").CombinedOutput()
	t.Log(string(out))
}
