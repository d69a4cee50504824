package cpantest

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ulikunitz/xz"
)

// tarGz packs files below the directory top. Nothing of the machine and nothing of
// the version of Go gets into the bytes.
func tarGz(top string, files map[string]string, when time.Time) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !isLocal(name) {
			return nil, fmt.Errorf("%q is not a path below the distribution's directory", name)
		}
		h := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     top + "/" + name,
			Size:     int64(len(files[name])),
			Mode:     0o644,
			ModTime:  when.UTC().Truncate(time.Second),
			Format:   tar.FormatUSTAR,
		}
		if isExecutable(name) {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return gzipStored(buf.Bytes()), nil
}

func isLocal(name string) bool {
	return name != "" && path.Clean(name) == name && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../")
}

// gzipStored wraps data in the gzip format without compressing it. compress/gzip
// doesn't promise the same bytes from one version of Go to the next, and the
// lock of the sample holds the digest of such archives.
func gzipStored(data []byte) []byte {
	const maxBlock = 1<<16 - 1
	// Magic, deflate, no flags, no time, no hint, "unknown" as the system.
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	rest := data
	for {
		block := rest[:min(len(rest), maxBlock)]
		rest = rest[len(block):]
		final := byte(0)
		if len(rest) == 0 {
			final = 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(block)))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(len(block)))
		out = append(out, block...)
		if final == 1 {
			break
		}
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	return binary.LittleEndian.AppendUint32(out, uint32(len(data)))
}

// tarEntry is one file of an archive.
type tarEntry struct {
	Name string
	Body []byte
	Time time.Time
}

// maxMember bounds what is read of one file into memory. The largest in the
// sample's archives is SQLite's C file of 9 MB.
const maxMember = 64 << 20

// readTar calls want for each regular file of a tarball, compressed in the way
// that its name says, and returns those wanted.
func readTar(name string, r io.Reader, want func(string) bool) ([]tarEntry, error) {
	r, err := decompress(name, r)
	if err != nil {
		return nil, err
	}
	var entries []tarEntry
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if h.Typeflag != tar.TypeReg || !want(path.Clean(h.Name)) {
			continue
		}
		if h.Size > maxMember {
			return nil, fmt.Errorf("read %s: %s has %d bytes, more than %d", name, h.Name, h.Size, maxMember)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			return nil, fmt.Errorf("read %s: %s: %w", name, h.Name, err)
		}
		entries = append(entries, tarEntry{path.Clean(h.Name), body, h.ModTime})
	}
}

func decompress(name string, r io.Reader) (io.Reader, error) {
	var err error
	switch path.Ext(name) {
	case ".gz", ".tgz":
		r, err = gzip.NewReader(r)
	case ".xz":
		r, err = xz.NewReader(r)
	case ".bz2":
		r = bzip2.NewReader(r)
	case ".tar":
	default:
		return nil, fmt.Errorf("%s: no tarball that this can read", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}
