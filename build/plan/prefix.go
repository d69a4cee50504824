package plan

import (
	"crypto/sha256"
	"encoding/binary"
)

// PrefixLen is the length in bytes of every placeholder, and so the longest
// prefix that can replace one inside a binary file.
const PrefixLen = 64

// WorkPath is the directory in which a step's recipe starts and writes. Like all
// placeholders it is 64 bytes of high entropy, so that every 8-byte piece of it is
// unmistakable and a compiler that splits a path constant can't hide it (design.md
// §2.6).
const WorkPath = "/Zh4SW5emIlK7kwds0M3K5OWy4frRLosYwr6BezOb5emJ57j3fyJpRnTbXfnDHni"

// NewPrefix derives a placeholder from a name, which is unique among languages:
// "node bundle". It is always the same one.
func NewPrefix(name string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	prefix := make([]byte, 1, PrefixLen)
	prefix[0] = '/'
	for block := uint64(0); len(prefix) < PrefixLen; block++ {
		sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("placeholder\x00"+name+"\x00"), block))
		for _, b := range sum {
			// Bytes beyond a multiple of the alphabet's length would favour its start.
			if int(b) < 256/len(alphabet)*len(alphabet) && len(prefix) < PrefixLen {
				prefix = append(prefix, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(prefix)
}
