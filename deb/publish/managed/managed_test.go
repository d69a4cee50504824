package managed_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/managed"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/sign"
)

func writeKey(t *testing.T) (path string) {
	t.Helper()
	secret, err := sign.Generate("Test packages", "ops@example.org", time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key.asc")
	if err := os.WriteFile(path, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInit makes a repository in a directory, which remembers its keys, adds to it,
// and makes another distribution.
func TestInit(t *testing.T) {
	root := filepath.Join(t.TempDir(), "Our packages")
	var said []string
	xz, _ := exec.LookPath("xz")
	r := managed.Local(root, managed.Options{Now: time.Now, XZ: xz, Notice: func(m string) { said = append(said, m) }})
	made, err := r.Init(t.Context(), repo.Setup{Settings: repo.Settings{Distribution: "stable"}}, managed.Keys{Files: []string{writeKey(t)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Repository.Name(); got != "our-packages" {
		t.Errorf("it is named %s", got)
	}
	if len(said) != 1 || said[0] != "making "+root {
		t.Errorf("said %q", said)
	}
	for _, name := range append(made.Sources, made.Keyring, made.KeyringPackage) {
		if _, err := os.Stat(r.Storage.Location(name)); err != nil {
			t.Error(err)
		}
	}
	w, err := r.OpenToWrite(t.Context(), managed.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	p := publishtest.Make(t, "hello", "1.0-1", "all", "one")
	if _, err := w.Add(t.Context(), repo.Place{Distribution: "stable"}, []string{p.Path}); err != nil {
		t.Fatal(err)
	}
	for version, there := range map[string]bool{"1.0-1": true, "1.0": true, "1": false, "1.0-": false} {
		if found, err := w.Find(t.Context(), "stable", "hello", version, "amd64"); err != nil || (found != nil) != there {
			t.Errorf("Find %s = %+v, %v", version, found, err)
		}
	}
	opts, err := r.WriteOptions(t.Context(), managed.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds that another publisher created it first
		r, err := r.Create(t.Context(), repo.Setup{Settings: repo.Settings{Distribution: "testing"}}, opts)
		if err != nil || len(r.Distributions()) != 2 {
			t.Errorf("Create: %v", err)
		}
	}
	if len(said) != 2 || !strings.Contains(said[1], "made the distribution testing") {
		t.Errorf("said %q", said)
	}
}

// TestKeys refuses keys that can't be had, or not be believed.
func TestKeys(t *testing.T) {
	root := t.TempDir()
	r := managed.Local(root, managed.Options{Now: time.Now, Notice: func(string) {}})
	var usage *publish.UsageError
	if _, err := r.WriteOptions(t.Context(), managed.Keys{Commands: []string{"'"}}); !errors.As(err, &usage) {
		t.Errorf("a command that can't be read: %v", err)
	}
	saved := filepath.Join(root, ".envbuild/local/signing.json")
	if err := os.MkdirAll(filepath.Dir(saved), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(saved, []byte(`{"commands": ["true"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if opts, err := r.WriteOptions(t.Context(), managed.Keys{}); err != nil || len(opts.Signers) != 1 {
		t.Errorf("remembered: %v, %v", opts.Signers, err)
	}
	if err := os.Chmod(saved, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteOptions(t.Context(), managed.Keys{}); !errors.As(err, &usage) || !strings.Contains(err.Error(), "can be written by others") {
		t.Errorf("others can write it: %v", err)
	}
}
