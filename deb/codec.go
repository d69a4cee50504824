package deb

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// compressor makes data.tar, as a whole or in parts.
type compressor struct {
	// ending is what the member's name has behind data.tar.
	ending string
	whole  func(w io.Writer) (io.WriteCloser, error)
	// parts is set if whole isn't.
	parts partCodec
}

// partCodec compresses each segment of data.tar on its own, so that what it makes
// of one can be kept.
type partCodec interface {
	// identity names the program with its version and its settings: all but the
	// content that decides which bytes come out.
	identity() []string
	// compress compresses what write writes.
	compress(ctx context.Context, write func(io.Writer) error) ([]byte, error)
	// check finds out whether part can be what compress makes of size bytes.
	check(part []byte, size int64) error
	// join begins a data.tar that is made of parts.
	join(w io.Writer) (joiner, error)
}

// joiner writes a data.tar of parts.
type joiner interface {
	// add adds the next part.
	add(part []byte) error
	// end writes what follows the last one.
	end() error
}

// newCompressor returns what a setting names: "xz", "gzip:9". program is the path of
// xz, or empty.
func newCompressor(ctx context.Context, setting, program string) (compressor, error) {
	name, level, leveled := strings.Cut(setting, ":")
	n := -1
	if leveled {
		var err error
		if n, err = strconv.Atoi(level); err != nil || n < 0 {
			name = ""
		}
	}
	switch {
	case name == "xz" && !leveled:
		c, err := newXZ(ctx, program)
		return compressor{ending: ".xz", parts: c}, err
	case name == "gzip" && n <= 9:
		if !leveled {
			n = 9
		}
		return compressor{ending: ".gz", parts: gzipCodec{n}}, nil
	case name == "zstd":
		l := zstd.SpeedBetterCompression
		if leveled {
			l = zstd.EncoderLevelFromZstd(n)
		}
		return compressor{ending: ".zst", whole: zstdWriter(l)}, nil
	case name == "none" && !leveled:
		return compressor{whole: noWriter}, nil
	}
	return compressor{}, &MetaError{"compression", setting, "isn't known", "write xz, zstd, zstd:LEVEL, gzip, gzip:LEVEL or none"}
}

// CheckCompressor fails if this machine hasn't what it takes to compress a package
// as the settings say. xz is the path of that program, or empty.
func (s *Settings) CheckCompressor(ctx context.Context, xz string) error {
	_, err := newCompressor(ctx, cmp.Or(s.compression(), DefaultCompression), xz)
	return err
}

// noWriter leaves data.tar as it is.
func noWriter(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil }

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// zstdConcurrency lets matches be found while the block before is coded. The
// bytes don't depend on it.
const zstdConcurrency = 2

// zstdWriter writes one frame: dpkg reads the first of several and stops without
// a word.
func zstdWriter(level zstd.EncoderLevel) func(io.Writer) (io.WriteCloser, error) {
	return func(w io.Writer) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(zstdConcurrency))
	}
}

// writeJoiner writes parts behind each other.
type writeJoiner struct{ w io.Writer }

func (j writeJoiner) add(part []byte) error {
	_, err := j.w.Write(part)
	return err
}

func (writeJoiner) end() error { return nil }

// errPart says that a part isn't what the codec makes.
func errPart(format string, args ...any) error {
	return fmt.Errorf("a compressed part: "+format, args...)
}
