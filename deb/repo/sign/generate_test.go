package sign_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/servertest"
)

// TestGenerate checks with gpgv, as apt of Debian 12 does, what a new key signs.
func TestGenerate(t *testing.T) {
	servertest.Need(t, "gpgv", "gpgv")
	now := time.Now()
	secret, err := sign.Generate("Internal packages", "ops@example.org", now.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	k, err := sign.NewKeyFile("key", secret, func() ([]byte, error) { return nil, errors.New("it has a passphrase") }, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	inline, _, err := k.Sign(t.Context(), []byte("Origin: Test\n"))
	if err != nil {
		t.Fatal(err)
	}
	if inline, err = sign.Merge([][]byte{inline}); err != nil {
		t.Fatal(err)
	}
	public, err := k.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"InRelease": inline, "keyring.gpg": public} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("gpgv", "--keyring", filepath.Join(dir, "keyring.gpg"), filepath.Join(dir, "InRelease"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("gpgv: %v\n%s", err, out)
	}
}
