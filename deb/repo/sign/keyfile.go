package sign

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// KeyFile signs with a secret key that was read from a file.
type KeyFile struct {
	name   string
	entity *openpgp.Entity
	now    func() time.Time
}

// minRSA is what apt of Debian 13 and later ask of RSA keys.
const minRSA = 3072

// NewKeyFile reads a secret key, binary or armored; name stands for it in messages.
// passphrase is asked if the key is encrypted. now is the signatures' clock.
func NewKeyFile(name string, data []byte, passphrase func() ([]byte, error), now func() time.Time) (*KeyFile, error) {
	keys, err := Keyring(data)
	if err != nil {
		return nil, &KeyError{name, "can't be read", err, "export one: gpg --export-secret-keys --armor ID"}
	}
	if len(keys) != 1 || keys[0].PrivateKey == nil {
		return nil, &KeyError{name, fmt.Sprintf("is not one secret key, but %d keys", len(keys)), nil,
			"export one: gpg --export-secret-keys --armor ID"}
	}
	k := &KeyFile{name: name, entity: keys[0], now: now}
	key, err := k.signingKey()
	if err != nil {
		return nil, err
	}
	if key.PrivateKey.Encrypted {
		secret, err := passphrase()
		if err != nil {
			return nil, err
		}
		if err := key.PrivateKey.Decrypt(secret); err != nil {
			return nil, &KeyError{name, "can't be opened with this passphrase", err, ""}
		}
	}
	return k, nil
}

// signingKey returns the key, or subkey, that signs.
func (k *KeyFile) signingKey() (openpgp.Key, error) {
	now := k.now()
	key, ok := k.entity.SigningKey(now)
	if !ok {
		if sig, _ := k.entity.PrimarySelfSignature(); sig != nil && k.entity.PrimaryKey.KeyExpired(sig, now) {
			end := k.entity.PrimaryKey.CreationTime.Add(time.Duration(*sig.KeyLifetimeSecs) * time.Second)
			return key, &KeyError{k.name, "expired on " + end.UTC().Format(time.DateOnly), nil,
				"make it last longer (gpg --quick-set-expire) and export it again, or sign with a new one"}
		}
		return key, &KeyError{k.name, "can't sign at this time: it has no usable key for signing", nil, "see gpg --show-keys"}
	}
	if key.PrivateKey == nil || key.PrivateKey.Dummy() {
		return key, &KeyError{k.name, "holds no secret part of the key that signs", nil, "export it with gpg --export-secret-keys, or sign through gpg"}
	}
	return key, k.usable(key.PublicKey)
}

// usable refuses what clients in use don't take.
func (k *KeyFile) usable(p *packet.PublicKey) error {
	const hint = "use an Ed25519 key of version 4 or RSA of 3072 bits or more: gpg --quick-generate-key … ed25519 sign"
	if p.Version != 4 {
		return &KeyError{k.name, fmt.Sprintf("has version %d, which apt of Debian 12 can't read", p.Version), nil, hint}
	}
	switch p.PubKeyAlgo {
	case packet.PubKeyAlgoEdDSA:
		return nil
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		bits, err := p.BitLength()
		if err != nil {
			return &KeyError{k.name, "can't be read", err, ""}
		}
		if bits < minRSA {
			return &KeyError{k.name, fmt.Sprintf("has %d bits, which apt of Debian 13 takes for too few", bits), nil, hint}
		}
		return nil
	}
	return &KeyError{k.name, fmt.Sprintf("is of the kind %d, which not every apt reads", p.PubKeyAlgo), nil, hint}
}

// Sign implements repo.Signer.
func (k *KeyFile) Sign(_ context.Context, release []byte) (inline, detached []byte, err error) {
	key, err := k.signingKey()
	if err != nil {
		return nil, nil, err
	}
	config := &packet.Config{DefaultHash: crypto.SHA512, Time: k.now}
	var in, out bytes.Buffer
	w, err := clearsign.Encode(&in, key.PrivateKey, config)
	if err != nil {
		return nil, nil, err
	}
	// As gpg does: the end of the last line isn't signed.
	if _, err := w.Write(bytes.TrimSuffix(release, []byte("\n"))); err != nil {
		return nil, nil, err
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	in.WriteByte('\n')
	if err := openpgp.ArmoredDetachSign(&out, k.entity, bytes.NewReader(release), config); err != nil {
		return nil, nil, err
	}
	out.WriteByte('\n')
	return in.Bytes(), out.Bytes(), nil
}

// PublicKey implements repo.Signer.
func (k *KeyFile) PublicKey(context.Context) ([]byte, error) {
	return Public(openpgp.EntityList{k.entity})
}
