// Package digest holds the three hashes that envbuild tells apart by type: the
// digest of an archive's bytes, the key that describes a step's inputs, and the
// ID that describes an output's content (design.md §2.3).
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// SHA256 is the digest of a sequence of bytes, such as an archive.
type SHA256 [sha256.Size]byte

// Key describes everything that can influence a step. Two steps with one key
// are the same work.
type Key [sha256.Size]byte

// ID describes the content of an output: its paths, modes, links and bytes.
// Two outputs with one ID are the same tree.
type ID [sha256.Size]byte

// Sum returns the digest of b.
func Sum(b []byte) SHA256 { return sha256.Sum256(b) }

// SumReader returns the digest of all that r delivers and the number of bytes.
func SumReader(r io.Reader) (SHA256, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return SHA256{}, n, err
	}
	return SHA256(h.Sum(nil)), n, nil
}

// Parse reads 64 hexadecimal digits, with or without the prefix "sha256:".
func Parse(s string) (SHA256, error) {
	b, err := parse(s)
	return SHA256(b), err
}

// ParseKey reads the form that Key.String writes.
func ParseKey(s string) (Key, error) {
	b, err := parse(s)
	return Key(b), err
}

// ParseID reads the form that ID.String writes.
func ParseID(s string) (ID, error) {
	b, err := parse(s)
	return ID(b), err
}

func parse(s string) (out [sha256.Size]byte, err error) {
	const prefix = "sha256:"
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		s = s[len(prefix):]
	}
	if len(s) != hex.EncodedLen(len(out)) {
		return out, fmt.Errorf("a SHA-256 has %d hexadecimal digits, %q has %d", hex.EncodedLen(len(out)), s, len(s))
	}
	if _, err := hex.Decode(out[:], []byte(s)); err != nil {
		return out, fmt.Errorf("%q is not a SHA-256: %w", s, err)
	}
	return out, nil
}

// String returns 64 lower-case hexadecimal digits.
func (d SHA256) String() string { return hex.EncodeToString(d[:]) }

// String returns 64 lower-case hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// String returns 64 lower-case hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 12 digits, for people.
func (d SHA256) Short() string { return d.String()[:12] }

// Short returns the first 12 digits, for people.
func (k Key) Short() string { return k.String()[:12] }

// Short returns the first 12 digits, for people.
func (id ID) Short() string { return id.String()[:12] }

// IsZero reports whether no digest was set.
func (d SHA256) IsZero() bool { return d == SHA256{} }

// IsZero reports whether no key was set.
func (k Key) IsZero() bool { return k == Key{} }

// IsZero reports whether no ID was set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the form of String.
func (d SHA256) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalText writes the form of String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText writes the form of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *SHA256) UnmarshalText(b []byte) (err error) { *d, err = Parse(string(b)); return err }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(b []byte) (err error) { *k, err = ParseKey(string(b)); return err }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) (err error) { *id, err = ParseID(string(b)); return err }
