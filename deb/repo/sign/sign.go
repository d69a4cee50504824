// Package sign signs the release files of apt repositories, with a key in a file,
// through gpg, or through a command of the user's, and checks such signatures.
//
// Clients are old: keys and signatures are those that gpgv of Debian 12 and sqv
// of Debian 13 both take.
package sign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// KeyError says that a key can't sign.
type KeyError struct {
	// Key is a path or an ID, as the user gave it.
	Key, Reason string
	Err         error // may be nil
	hint        string
}

func (e *KeyError) Error() string {
	msg := "the key " + e.Key + " " + e.Reason
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *KeyError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *KeyError) Hint() string { return e.hint }

// SignatureError says that a signature isn't good.
type SignatureError struct{ Reason string }

func (e *SignatureError) Error() string { return e.Reason }

// Hint says what it may mean.
func (e *SignatureError) Hint() string {
	return "it was changed by somebody else, or is signed with a key that was not named"
}

const (
	signatureType = "PGP SIGNATURE"
	signatureLine = "\n-----BEGIN PGP SIGNATURE-----"
)

// Keyring reads public keys, binary or armored. Several armored keys may follow
// each other.
func Keyring(data []byte) (openpgp.EntityList, error) {
	if !bytes.Contains(data, []byte("-----BEGIN PGP")) {
		return openpgp.ReadKeyRing(bytes.NewReader(data))
	}
	var all openpgp.EntityList
	for {
		i := bytes.Index(data, []byte("-----BEGIN PGP"))
		if i < 0 {
			return all, nil
		}
		data = data[i:]
		keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		all, data = append(all, keys...), data[1:]
	}
}

// Public writes the public parts of keys as a binary keyring.
func Public(keys openpgp.EntityList) ([]byte, error) {
	var b bytes.Buffer
	for _, k := range keys {
		if err := k.Serialize(&b); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Merge makes one InRelease of several that sign the same text. The signature's
// armor gets a checksum, without which gpgv of Debian 12 prints warnings.
func Merge(inlines [][]byte) ([]byte, error) {
	var hashes []string
	var packets []byte
	var text []byte
	for i, in := range inlines {
		b, _ := clearsign.Decode(in)
		if b == nil {
			return nil, &SignatureError{"a signer returned no clear text signature"}
		}
		if i > 0 && !bytes.Equal(b.Plaintext, text) {
			return nil, &SignatureError{"two signers returned different texts"}
		}
		text = b.Plaintext
		hashes = append(hashes, b.Headers["Hash"]...)
		p, err := io.ReadAll(b.ArmoredSignature.Body)
		if err != nil {
			return nil, err
		}
		packets = append(packets, p...)
	}
	slices.Sort(hashes)
	_, body, ok := bytes.Cut(inlines[0], []byte("\n\n"))
	end := bytes.LastIndex(body, []byte(signatureLine))
	if !ok || end < 0 {
		return nil, &SignatureError{"a signer returned no clear text signature"}
	}
	out := fmt.Appendf(nil, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: %s\n\n%s\n",
		strings.Join(slices.Compact(hashes), ", "), body[:end])
	sig, err := armored(packets)
	return append(out, sig...), err
}

// MergeDetached makes one armored signature file of several.
func MergeDetached(detached [][]byte) ([]byte, error) {
	var packets []byte
	for _, d := range detached {
		p, err := dearmor(d)
		if err != nil {
			return nil, err
		}
		packets = append(packets, p...)
	}
	return armored(packets)
}

func armored(packets []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, signatureType, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(packets); err != nil {
		return nil, err
	}
	err = w.Close()
	return append(b.Bytes(), '\n'), err
}

func dearmor(sig []byte) ([]byte, error) {
	b, err := armor.Decode(bytes.NewReader(sig))
	if err != nil {
		return nil, &SignatureError{"there is no armored signature: " + err.Error()}
	}
	return io.ReadAll(b.Body)
}

// Text returns what an InRelease file signs, without looking at the signature.
func Text(inline []byte) ([]byte, error) {
	b, _ := clearsign.Decode(inline)
	if b == nil {
		return nil, &SignatureError{"it has no clear text signature"}
	}
	return ended(b.Plaintext), nil
}

// ended gives a text the end of its last line, which a clear text signature
// doesn't cover.
func ended(text []byte) []byte { return append(bytes.TrimSuffix(text, []byte("\n")), '\n') }

// VerifyInline checks an InRelease file and returns its text and the keys whose
// signatures are good. At least one has to be.
func VerifyInline(keyring openpgp.EntityList, inline []byte, now time.Time) (text []byte, by openpgp.EntityList, err error) {
	b, rest := clearsign.Decode(inline)
	if b == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, nil, &SignatureError{"it has no clear text signature"}
	}
	packets, err := io.ReadAll(b.ArmoredSignature.Body)
	if err != nil {
		return nil, nil, &SignatureError{"its signature is damaged: " + err.Error()}
	}
	by, err = verify(keyring, b.Bytes, packets, now)
	return ended(b.Plaintext), by, err
}

// VerifyDetached is VerifyInline for Release and Release.gpg.
func VerifyDetached(keyring openpgp.EntityList, text, sig []byte, now time.Time) (openpgp.EntityList, error) {
	packets, err := dearmor(sig)
	if err != nil {
		return nil, err
	}
	return verify(keyring, text, packets, now)
}

// verify checks each signature for itself, as gpgv does.
func verify(keyring openpgp.EntityList, signed, packets []byte, now time.Time) (by openpgp.EntityList, err error) {
	config := &packet.Config{Time: func() time.Time { return now }}
	var reasons []string
	r := packet.NewReader(bytes.NewReader(packets))
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		sig, ok := p.(*packet.Signature)
		if err != nil || !ok {
			return nil, &SignatureError{"its signature is damaged"}
		}
		var one bytes.Buffer
		if err := sig.Serialize(&one); err != nil {
			return nil, err
		}
		_, entity, err := openpgp.VerifyDetachedSignature(keyring, bytes.NewReader(signed), &one, config)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		by = append(by, entity)
	}
	if len(by) == 0 {
		return nil, &SignatureError{"no signature of it is good: " + strings.TrimPrefix(strings.Join(reasons, "; "), "openpgp: ")}
	}
	return by, nil
}
