package view

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

const (
	// windowSize is the length of the pieces into which gcc -O2 splits path
	// constants; a piece of this size of a placeholder is unmistakable.
	windowSize = 8
	gramSize   = 4
	// stride is the distance of the places that are looked at: each window holds
	// windowSize-gramSize+1 grams, so one of them starts at a multiple of it.
	stride = windowSize - gramSize + 1

	bitmapBits = 16
	chunkSize  = 256 << 10
)

// scanner searches for every window of the placeholders and for the forbidden
// strings. A bitmap of the hashes of their 4-byte grams, 8 KiB, is asked for
// every fifth byte of the text; what it lets pass is compared. It is safe for
// concurrent use.
type scanner struct {
	bitmap  [1 << bitmapBits / 64]uint64
	starts  map[uint64][]needle // by the first 8 bytes
	longest int
}

// needle is a string that is searched for.
type needle struct {
	rest string // behind the first windowSize bytes
	what string
}

// match is a needle found.
type match struct {
	offset int64
	what   string
}

func newScanner(placeholders, forbidden []string) *scanner {
	s := &scanner{starts: map[uint64][]needle{}, longest: windowSize}
	for _, f := range forbidden {
		s.add(f, f)
	}
	for _, p := range placeholders {
		for i := range len(p) - windowSize + 1 {
			s.add(p[i:i+windowSize], "a piece of the build path "+p)
		}
	}
	return s
}

func (s *scanner) add(text, what string) {
	window := text[:windowSize]
	for i := range stride {
		s.mark(hashGram(binary.LittleEndian.Uint32([]byte(window[i : i+gramSize]))))
	}
	key := binary.LittleEndian.Uint64([]byte(window))
	s.starts[key] = append(s.starts[key], needle{rest: text[windowSize:], what: what})
	s.longest = max(s.longest, len(text))
}

// hashGram multiplies by 2^32 over the golden ratio and keeps the upper bits.
func hashGram(g uint32) uint16 { return uint16(g * 2654435769 >> (32 - bitmapBits)) }

func (s *scanner) mark(h uint16) { s.bitmap[h/64] |= 1 << (h % 64) }

// find returns the first match in b.
func (s *scanner) find(b []byte) (match, bool) { return s.findFrom(b, len(b)) }

// findFrom returns the first match in b that starts before end.
func (s *scanner) findFrom(b []byte, end int) (match, bool) {
	for q := s.skip(b, 0); q < min(end+stride-1, len(b)); q = s.skip(b, q+stride) {
		for p := max(q-stride+1, 0); p <= q && p < end; p++ {
			if what := s.at(b[p:]); what != "" {
				return match{int64(p), what}, true
			}
		}
	}
	return match{}, false
}

// skip returns the first place from q on, in steps of the stride, whose gram
// the bitmap lets pass, or len(b).
func (s *scanner) skip(b []byte, q int) int {
	bitmap := &s.bitmap
	for ; q+gramSize <= len(b); q += stride {
		h := hashGram(binary.LittleEndian.Uint32(b[q : q+gramSize]))
		if bitmap[h/64]>>(h%64)&1 != 0 {
			return q
		}
	}
	return len(b)
}

// at returns what starts at the beginning of b, or "".
func (s *scanner) at(b []byte) string {
	if len(b) < windowSize {
		return ""
	}
	for _, n := range s.starts[binary.LittleEndian.Uint64(b)] {
		if len(b)-windowSize >= len(n.rest) && string(b[windowSize:windowSize+len(n.rest)]) == n.rest {
			return n.what
		}
	}
	return ""
}

// read returns the first match in what r delivers. The buffer, of more than
// twice the longest needle, is used as scratch.
func (s *scanner) read(r io.Reader, buf []byte) (match, bool, error) {
	var base int64 // of buf in what was read
	have := 0
	for {
		n, err := io.ReadFull(r, buf[have:])
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return match{}, false, err
		}
		have += n
		end := have
		if !last {
			end = have - s.longest + 1
		}
		if m, found := s.findFrom(buf[:have], end); found {
			m.offset += base
			return m, true, nil
		}
		if last {
			return match{}, false, nil
		}
		base += int64(end)
		have = copy(buf, buf[end:have])
	}
}

// isText reports whether b is text: nothing binary is without a NUL.
func isText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 }
