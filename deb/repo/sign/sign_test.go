package sign_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/sign"
)

const text = "Origin: Test\nSHA256:\n 00 1 main/binary-amd64/Packages\n"

// signer is what repo.Signer is, without importing it.
type signer = interface {
	Sign(ctx context.Context, release []byte) (inline, detached []byte, err error)
	PublicKey(ctx context.Context) ([]byte, error)
}

// gpgv checks both signatures with GnuPG's own program.
func gpgv(t *testing.T, keyring, inline, detached []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"keys.gpg": keyring, "InRelease": inline, "Release.gpg": detached, "Release": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"InRelease"}, {"Release.gpg", "Release"}} {
		cmd := exec.Command("gpgv", append([]string{"--keyring", "./keys.gpg"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "invalid") {
			t.Errorf("gpgv %q: %v\n%s", args, err, out)
		}
	}
}

// check signs with all signers and has it checked.
func check(t *testing.T, signers ...signer) (keyring, inline []byte) {
	t.Helper()
	var ins, outs [][]byte
	for _, s := range signers {
		in, out, err := s.Sign(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		public, err := s.PublicKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ins, outs, keyring = append(ins, in), append(outs, out), append(keyring, public...)
	}
	inline, err := sign.Merge(ins)
	if err != nil {
		t.Fatal(err)
	}
	detached, err := sign.MergeDetached(outs)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sign.Keyring(keyring)
	if err != nil {
		t.Fatal(err)
	}
	got, by, err := sign.VerifyInline(keys, inline, time.Now())
	if err != nil || string(got) != text || len(by) != len(signers) {
		t.Errorf("VerifyInline = %q, %d keys, %v", got, len(by), err)
	}
	by, err = sign.VerifyDetached(keys, []byte(text), detached, time.Now())
	if err != nil || len(by) != len(signers) {
		t.Errorf("VerifyDetached = %d keys, %v", len(by), err)
	}
	gpgv(t, keyring, inline, detached)
	return keyring, inline
}

func TestKeyFile(t *testing.T) {
	rsa := packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 3072}
	for name, config := range map[string]packet.Config{"EdDSA": repotest.EdDSA(), "RSA": rsa} {
		k, err := sign.NewKeyFile(name, repotest.Key(t, name, config, 0), nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		keyring, inline := check(t, k)
		bad := bytes.Replace(inline, []byte("Origin: Test"), []byte("Origin: Tost"), 1)
		keys, err := sign.Keyring(keyring)
		if err != nil {
			t.Fatal(err)
		}
		var wrong *sign.SignatureError
		if _, _, err := sign.VerifyInline(keys, bad, time.Now()); !errors.As(err, &wrong) {
			t.Errorf("%s: a changed text: %v, want a SignatureError", name, err)
		}
	}
}

// TestTwoKeys is how clients get from one key to the next.
func TestTwoKeys(t *testing.T) {
	old, fresh := repotest.Signer(t, "old", time.Now), repotest.Signer(t, "fresh", time.Now)
	_, inline := check(t, old, fresh)
	for _, k := range []*sign.KeyFile{old, fresh} {
		public, err := k.PublicKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		keys, err := sign.Keyring(public)
		if err != nil {
			t.Fatal(err)
		}
		if _, by, err := sign.VerifyInline(keys, inline, time.Now()); err != nil || len(by) != 1 {
			t.Errorf("with one key of two: %d, %v", len(by), err)
		}
	}
}

func TestKeyFileRefuses(t *testing.T) {
	good := repotest.Key(t, "good", repotest.EdDSA(), 0)
	public, err := repotest.Signer(t, "key", time.Now).PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{
		"nothing": nil, "text": []byte("text"), "a public key": public, "two keys": append(bytes.Clone(good), good...),
		"an expired key":          repotest.Key(t, "x", repotest.EdDSA(), time.Hour),
		"few bits":                repotest.Key(t, "x", packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}, 0),
		"algorithm 27":            repotest.Key(t, "x", packet.Config{Algorithm: packet.PubKeyAlgoEd25519}, 0),
		"version 6":               repotest.Key(t, "x", packet.Config{Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true}, 0),
		"an elliptic curve":       repotest.Key(t, "x", packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}, 0),
		"a key cut in the middle": good[:len(good)/2],
	} {
		_, err := sign.NewKeyFile("key.asc", data, nil, time.Now)
		var wrong *sign.KeyError
		if !errors.As(err, &wrong) || wrong.Hint() == "" {
			t.Errorf("%s: %v, want a KeyError with a hint", what, err)
		} else if what == "an expired key" && !strings.Contains(err.Error(), "expired on "+time.Now().Add(-23*time.Hour).UTC().Format(time.DateOnly)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// home makes a directory for gpg, whose agent ends with the test. Its path is short,
// as those of sockets have to be.
func home(t *testing.T) (env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	env = append(os.Environ(), "GNUPGHOME="+dir, "LC_ALL=C")
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = env
		if err := errors.Join(cmd.Run(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return env
}

func gpg(t *testing.T, env []string, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--batch", "--pinentry-mode", "loopback", "--passphrase", "secret"}, args...)...)
	cmd.Env, cmd.Stdin = env, bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %q: %v\n%s", args, err, stderr.String())
	}
	return out
}

// TestPassphrase uses a key that GnuPG wrote and encrypted.
func TestPassphrase(t *testing.T) {
	env := home(t)
	gpg(t, env, nil, "--quick-generate-key", "Ops <ops@example.org>", "ed25519", "sign", "1y")
	data := gpg(t, env, nil, "--armor", "--export-secret-keys")
	phrase := func(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }
	k, err := sign.NewKeyFile("key.asc", data, phrase("secret"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	check(t, k)
	var wrong *sign.KeyError
	if _, err := sign.NewKeyFile("key.asc", data, phrase("other"), time.Now); !errors.As(err, &wrong) {
		t.Errorf("a wrong passphrase: %v, want a KeyError", err)
	}
	_, err = sign.NewKeyFile("key.asc", data, func() ([]byte, error) { return nil, os.ErrNotExist }, time.Now)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no passphrase: %v", err)
	}
}

func TestGPG(t *testing.T) {
	env := home(t)
	for _, id := range []string{"good@example.org", "expired@example.org"} {
		cmd := exec.Command("gpg", "--batch", "--passphrase", "", "--quick-generate-key", id, "ed25519", "sign", "1y")
		if id == "expired@example.org" {
			cmd = exec.Command("gpg", "--batch", "--passphrase", "", "--faked-system-time", "20200101T000000",
				"--quick-generate-key", id, "ed25519", "sign", "seconds=60")
		}
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	good := &sign.GPG{Program: "gpg", Key: "good@example.org", Env: env}
	check(t, good)
	check(t, good, repotest.Signer(t, "key", time.Now)) // gpg and a file at once
	for id, want := range map[string]string{"expired@example.org": "expired", "none@example.org": "not there"} {
		_, _, err := (&sign.GPG{Program: "gpg", Key: id, Env: env}).Sign(t.Context(), []byte(text))
		var wrong *sign.KeyError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || wrong.Hint() == "" {
			t.Errorf("%s: %v, want a KeyError that says %q", id, err, want)
		}
	}
	if _, err := (&sign.GPG{Program: "gpg", Key: "none@example.org", Env: env}).PublicKey(t.Context()); err == nil {
		t.Error("a key that isn't there was exported")
	}
}

func TestCommand(t *testing.T) {
	env := home(t)
	gpg(t, env, nil, "--passphrase", "", "--quick-generate-key", "Ops <ops@example.org>", "ed25519", "sign", "1y")
	script := filepath.Join(t.TempDir(), "signer")
	const body = `#!/bin/sh
case $2 in
inline) exec gpg --batch --armor --local-user "$1" --clear-sign ;;
detached) exec gpg --batch --armor --local-user "$1" --detach-sign ;;
public) exec gpg --batch --armor --export "$1" ;;
esac
`
	if err := os.WriteFile(script, []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	check(t, &sign.Command{Argv: []string{script, "ops@example.org"}, Env: env})
	var wrong *sign.KeyError
	bad := &sign.Command{Argv: []string{script, "none@example.org"}, Env: env}
	if _, _, err := bad.Sign(t.Context(), []byte(text)); !errors.As(err, &wrong) {
		t.Errorf("a command that fails: %v, want a KeyError", err)
	}
	if _, err := bad.PublicKey(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("a command without a key: %v, want a KeyError", err)
	}
}

func FuzzVerify(f *testing.F) {
	k := repotest.Signer(f, "key", time.Now)
	inline, detached, err := k.Sign(f.Context(), []byte(text))
	if err != nil {
		f.Fatal(err)
	}
	public, err := k.PublicKey(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	keys, err := sign.Keyring(public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(inline, detached, public)
	f.Fuzz(func(t *testing.T, in, out, ring []byte) {
		if got, _, err := sign.VerifyInline(keys, in, time.Now()); err == nil && string(got) != text {
			t.Errorf("a text that wasn't signed is good: %q", got)
		}
		_, _ = sign.VerifyDetached(keys, []byte(text), out, time.Now())
		_, _ = sign.Keyring(ring)
		_, _ = sign.Merge([][]byte{in, inline})
		_, _ = sign.Text(in)
	})
}
