package digest

import (
	"crypto/sha256"
	"hash"
	"io"
)

// Writer passes bytes on and keeps their digest and number.
type Writer struct {
	w    io.Writer
	h    hash.Hash
	size int64
}

// NewWriter returns a Writer in front of w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, h: sha256.New()} }

func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.h.Write(p[:n])
	w.size += int64(n)
	return n, err
}

// SHA256 is the digest of what was written so far.
func (w *Writer) SHA256() SHA256 { return SHA256(w.h.Sum(nil)) }

// Size is the number of bytes that were written so far.
func (w *Writer) Size() int64 { return w.size }
