package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Hasher hashes named fields with their lengths, so that no two different
// sequences of fields have one encoding.
type Hasher struct{ h hash.Hash }

// NewHasher starts a hash whose meaning the domain names; two domains never
// give one hash for the same fields.
func NewHasher(domain string) *Hasher {
	h := &Hasher{h: sha256.New()}
	h.write(domain)
	return h
}

// Field adds a name and its values, in their order.
func (h *Hasher) Field(name string, values ...string) {
	h.write(name)
	h.length(len(values))
	for _, v := range values {
		h.write(v)
	}
}

// Key returns the hash of the fields so far as a key.
func (h *Hasher) Key() Key { return Key(h.h.Sum(nil)) }

// ID returns the hash of the fields so far as an ID.
func (h *Hasher) ID() ID { return ID(h.h.Sum(nil)) }

// SHA256 returns the hash of the fields so far as a plain digest.
func (h *Hasher) SHA256() SHA256 { return SHA256(h.h.Sum(nil)) }

func (h *Hasher) write(s string) {
	h.length(len(s))
	h.h.Write([]byte(s))
}

func (h *Hasher) length(n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.h.Write(b[:])
}
