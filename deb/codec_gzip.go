package deb

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"strconv"
)

// gzipCodec writes a member for each segment. dpkg, tar and gzip read members
// behind each other as one.
type gzipCodec struct{ level int }

func (gzipCodec) join(w io.Writer) (joiner, error) { return writeJoiner{w}, nil }

// identity has Go's version, since the compressor is a part of Go.
func (c gzipCodec) identity() []string {
	return []string{"compress/gzip", runtime.Version(), strconv.Itoa(c.level)}
}

func (c gzipCodec) compress(_ context.Context, write func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, c.level)
	if err != nil {
		return nil, err
	}
	if err := write(z); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// check looks at the trailer, which ends with the size.
func (gzipCodec) check(part []byte, size int64) error {
	const least = 10 + 8
	if len(part) < least || part[0] != 0x1f || part[1] != 0x8b {
		return errPart("no gzip member")
	}
	if n := binary.LittleEndian.Uint32(part[len(part)-4:]); n != uint32(size) {
		return errPart("it has %d bytes, not %d", n, size)
	}
	return nil
}
