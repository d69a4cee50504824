package view

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const (
	magicSize = 10
	// maxDepth bounds how deep compressed files in compressed files are opened.
	maxDepth = 4
	// maxInflated bounds what one file is unpacked to, so that a bomb ends.
	maxInflated = 1 << 30
	// maxWindow is the memory that a zstd frame may ask for: twice what
	// "zstd --ultra -22" does without --long.
	maxWindow = 256 << 20
)

// errBomb says that a compressed file can't be looked through.
var errBomb = errors.New("it unpacks to more than 1 GiB, which is more than is looked through for build paths")

// insider searches what is in compressed files.
type insider struct {
	scan *scanner
	buf  []byte
	left int64 // of maxInflated
}

// leak is a match and the compressed member that it is in.
type leak struct {
	match
	member string
}

// search looks into the file if it is compressed. What only begins so, or is
// damaged, has been searched as far as it can be unpacked.
func (s *insider) search(r io.ReaderAt, size int64) (l leak, found bool, err error) {
	s.left = maxInflated
	head := make([]byte, magicSize)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return leak{}, false, err
	}
	if bytes.HasPrefix(head[:n], []byte("PK\x03\x04")) {
		return s.searchZip(r, size)
	}
	open, name := codec(head[:n])
	if open == nil {
		return leak{}, false, nil
	}
	return s.stream(open, name, io.NewSectionReader(r, 0, size), 1)
}

// opener starts to decompress.
type opener func(io.Reader) (io.Reader, error)

// codec returns what unpacks a stream that begins with head, or nil.
func codec(head []byte) (opener, string) {
	begins := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case begins("\x1f\x8b\x08"):
		return func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }, "gzip"
	case begins("BZh") && len(head) >= magicSize && string(head[4:10]) == "1AY&SY":
		return func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }, "bzip2"
	case begins("\xfd7zXZ\x00"):
		return func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }, "xz"
	case begins("\x28\xb5\x2f\xfd"):
		return openZstd, "zstd"
	}
	return nil, ""
}

func openZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
}

// stream searches what open unpacks of r, and in what that holds compressed.
func (s *insider) stream(open opener, name string, r io.Reader, depth int) (leak, bool, error) {
	plain, err := open(r)
	if err != nil {
		return leak{}, false, nil // it is not what it begins like
	}
	if z, ok := plain.(*zstd.Decoder); ok {
		defer z.Close()
	}
	l, found, err := s.plain(&bounded{r: plain, left: &s.left}, depth)
	l.member = joinMember(name, l.member)
	return l, found, err
}

// plain searches a stream, after unpacking it once more if it is compressed.
func (s *insider) plain(r io.Reader, depth int) (leak, bool, error) {
	br := bufio.NewReader(r)
	head, err := br.Peek(magicSize)
	if errors.Is(err, errBomb) {
		return leak{}, false, err
	}
	if open, name := codec(head); open != nil && depth < maxDepth {
		return s.stream(open, name, br, depth+1)
	}
	m, found, err := s.scan.read(br, s.buf)
	return leak{match: m}, found, err
}

func (s *insider) searchZip(r io.ReaderAt, size int64) (leak, bool, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return leak{}, false, nil // as in stream
	}
	for _, f := range archive.File {
		member, err := f.Open()
		if err != nil {
			continue // encrypted, or a method that nothing here can unpack
		}
		l, found, err := s.plain(&bounded{r: member, left: &s.left}, 1)
		_ = member.Close() // it repeats the damage at which bounded ended
		if err != nil {
			return leak{}, false, fmt.Errorf("zip member %s: %w", f.Name, err)
		}
		if found {
			l.member = joinMember("zip member "+f.Name, l.member)
			return l, true, nil
		}
	}
	return leak{}, false, nil
}

func joinMember(outer, inner string) string {
	if inner == "" {
		return outer
	}
	return outer + ", " + inner
}

// bounded is a stream that ends where it is damaged and fails at a bomb.
type bounded struct {
	r    io.Reader
	left *int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return n, errBomb
	}
	if err != nil && !errors.Is(err, errBomb) {
		err = io.EOF
	}
	return n, err
}
