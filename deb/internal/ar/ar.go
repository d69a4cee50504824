// Package ar reads and writes the archives that deb(5) describes: the common ar
// format without long names. The sizes in a file are claims: nothing is
// allocated by them.
package ar

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	magic      = "!<arch>\n"
	headerSize = 60
	headerEnd  = "`\n"
	// MaxSize is the most that the ten digits of a header can say.
	MaxSize = 9_999_999_999
)

// ErrFormat says that a file is not an ar archive, or a damaged one.
var ErrFormat = errors.New("not an ar archive, or a damaged one")

// Header is what envbuild uses of a member's header.
type Header struct {
	Name string
	Size int64
}

// Reader reads members in order. Read reads the present one.
type Reader struct {
	r    io.Reader
	left int64 // of the present member
	pad  int64
}

// NewReader reads the archive's own header.
func NewReader(r io.Reader) (*Reader, error) {
	var b [len(magic)]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, damaged(err)
	}
	if string(b[:]) != magic {
		return nil, ErrFormat
	}
	return &Reader{r: r}, nil
}

// Next skips what is left of a member and returns the next one's header, or
// io.EOF.
func (r *Reader) Next() (Header, error) {
	if n, err := io.CopyN(io.Discard, r.r, r.left+r.pad); err != nil && (!errors.Is(err, io.EOF) || n < r.left) {
		return Header{}, damaged(err) // a last member may lack its padding
	}
	r.left, r.pad = 0, 0
	var b [headerSize]byte
	switch _, err := io.ReadFull(r.r, b[:]); {
	case err == io.EOF:
		return Header{}, io.EOF
	case err != nil:
		return Header{}, damaged(err)
	}
	if string(b[58:]) != headerEnd {
		return Header{}, ErrFormat
	}
	name := strings.TrimSuffix(strings.TrimRight(string(b[:16]), " "), "/")
	size, err := strconv.ParseUint(strings.TrimRight(string(b[48:58]), " "), 10, 63)
	if err != nil {
		return Header{}, fmt.Errorf("%w: size %q", ErrFormat, b[48:58])
	}
	r.left, r.pad = int64(size), int64(size%2)
	return Header{Name: name, Size: int64(size)}, nil
}

func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if errors.Is(err, io.EOF) && r.left > 0 {
		err = damaged(err)
	}
	return n, err
}

// damaged makes an early end a mark of damage; other errors are the reader's.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", ErrFormat)
	}
	return err
}

// Writer writes an archive whose members are root's, have mode 0644 and one time.
type Writer struct {
	w    io.Writer
	date time.Time
}

// NewWriter writes the archive's own header.
func NewWriter(w io.Writer, date time.Time) (*Writer, error) {
	_, err := io.WriteString(w, magic)
	return &Writer{w, date}, err
}

// Copy adds a member of exactly size bytes, read from r.
func (w *Writer) Copy(h Header, r io.Reader) error {
	if len(h.Name) > 16 || h.Size < 0 || h.Size > MaxSize {
		return fmt.Errorf("a member %q of %d bytes doesn't fit into an ar archive", h.Name, h.Size)
	}
	_, err := fmt.Fprintf(w.w, "%-16s%-12d%-6d%-6d%-8o%-10d%s", h.Name, w.date.Unix(), 0, 0, 0o100644, h.Size, headerEnd)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(w.w, r, h.Size); err != nil {
		return fmt.Errorf("member %s: %w", h.Name, err)
	}
	if h.Size%2 == 1 {
		_, err = io.WriteString(w.w, "\n")
	}
	return err
}
