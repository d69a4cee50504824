package toy_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// local returns the local environment, and whether a stamp told of it.
func (w world) local(t *testing.T) (l project.Local, stamped bool) {
	t.Helper()
	l, err := w.open(t).Local(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	return l, l.Lock == nil
}

// TestMovedStore expects nothing of the store's old path in the environment.
func TestMovedStore(t *testing.T) {
	w := newWorld(t)
	t.Run("before", func(t *testing.T) {
		if err := w.open(t).Lock(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		was, _ := w.local(t)
		if again, _ := w.local(t); again.Path != was.Path {
			t.Errorf("%s became %s", was.Path, again.Path)
		}
	})
	old := w.cache
	w.cache = filepath.Join(filepath.Dir(old), "d")
	if err := os.Rename(old, w.cache); err != nil {
		t.Fatal(err)
	}
	l, stamped := w.local(t)
	if stamped {
		t.Error("the stamp of the old place was believed")
	}
	environ, err := l.Env.Resolve(nil, env.Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(environ, " "); strings.Contains(all, old+"/") || !strings.Contains(all, w.cache+"/") {
		t.Errorf("the environment is %s", all)
	}
	if out, err := exec.Command("grep", "-rl", old+"/", l.Path).Output(); err == nil {
		t.Errorf("the old path is in\n%s", out)
	}
}

// TestSpecChangesWhileItIsUsed expects that the stamp is of the spec that was read.
func TestSpecChangesWhileItIsUsed(t *testing.T) {
	w := newWorld(t)
	if err := w.open(t).Lock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p := w.open(t)
	text, err := os.ReadFile(filepath.Join(w.dir, pkgspec.SpecName))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, pkgspec.SpecName, strings.Replace(string(text), "toy: ^1", "toy: ^1.0", 1))
	if _, err := p.Local(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	var stale *project.LockError
	if _, err := w.open(t).Local(t.Context(), false); !errors.As(err, &stale) {
		t.Errorf("the lock of another spec was taken: %v", err)
	}
}
