package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// leaks finds pieces of paths: a compiler may split a path constant into pieces
// of 8 bytes, and a compressed file can't be overwritten (design.md §2.6).
type leaks struct {
	windows map[uint64]bool
	// first has a bit for each low half of a window, so that few positions need
	// the map.
	first [1 << 16 / 64]uint64
}

const window = 8

// newLeaks looks for the pieces of the paths from their byte number skip on,
// where what can't be mistaken begins.
func newLeaks(paths []string, skip int) *leaks {
	l := &leaks{windows: map[uint64]bool{}}
	for _, p := range paths {
		for i := skip; i+window <= len(p); i++ {
			w := binary.LittleEndian.Uint64([]byte(p[i:]))
			l.windows[w] = true
			l.first[uint16(w)/64] |= 1 << (uint16(w) % 64)
		}
	}
	return l
}

// in returns the offset of the first piece in data, or -1.
func (l *leaks) in(data []byte) int {
	for i := 0; i+window <= len(data); i++ {
		low := uint16(data[i]) | uint16(data[i+1])<<8
		if l.first[low/64]&(1<<(low%64)) != 0 && l.windows[binary.LittleEndian.Uint64(data[i:])] {
			return i
		}
	}
	return -1
}

// inTree returns a LeakError for the first piece in a file or symlink
// below root, also inside gzip.
func (l *leaks) inTree(root string) error {
	return walkOpen(root, func(path string, fi fs.FileInfo) error {
		data, err := content(path, fi)
		if err != nil {
			return err
		}
		offset := l.in(data)
		if offset < 0 && bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
			offset = l.in(unzip(data))
		}
		if offset < 0 {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		return errors.Join(err, &LeakError{File: rel, Offset: int64(offset)})
	})
}

// content is a file's bytes or a symlink's target.
func content(path string, fi fs.FileInfo) ([]byte, error) {
	switch fi.Mode().Type() {
	case 0:
		return os.ReadFile(path)
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		return []byte(target), err
	}
	return nil, nil
}

// unzip returns what gzip data holds, as far as it is sound.
func unzip(data []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	var out bytes.Buffer
	// What can be read is looked at; a file may only begin like gzip.
	_, _ = io.Copy(&out, r)
	return out.Bytes()
}
