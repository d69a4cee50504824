package repotest

import (
	"bytes"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/envbuild/envbuild/deb/repo/sign"
)

// Key makes a secret key as `gpg --export-secret-keys --armor` writes it. It was
// made a day ago and lasts as long as given (0: for ever).
func Key(t testing.TB, name string, config packet.Config, lasts time.Duration) []byte {
	t.Helper()
	made := time.Now().Add(-24 * time.Hour)
	config.Time = func() time.Time { return made }
	config.KeyLifetimeSecs = uint32(lasts / time.Second)
	e, err := openpgp.NewEntity(name, "", "keys@example.org", &config)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PrivateKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SerializePrivate(w, &config); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

// EdDSA is a key's configuration that clients of every age read.
func EdDSA() packet.Config { return packet.Config{Algorithm: packet.PubKeyAlgoEdDSA} }

// Signer makes a key and a signer with it.
func Signer(t testing.TB, name string, now func() time.Time) *sign.KeyFile {
	t.Helper()
	k, err := sign.NewKeyFile(name, Key(t, name, EdDSA(), 0), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
