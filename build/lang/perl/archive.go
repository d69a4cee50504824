package perl

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/ulikunitz/xz"
)

// Limits that no real distribution comes near; they bound what a hostile archive
// can cost.
const (
	maxMembers      = 200_000
	maxArchiveBytes = 2 << 30
	maxMemberBytes  = 16 << 20 // of a member that is read into memory
)

// ArchiveError says that an archive can't be used.
type ArchiveError struct {
	Archive string // the archive's path on its mirror
	Member  string // or ""
	Err     error
}

// Error names the archive and the member.
func (e *ArchiveError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("%s: %v", e.Archive, e.Err)
	}
	return fmt.Sprintf("%s: member %q: %v", e.Archive, e.Member, e.Err)
}

// Unwrap returns the cause.
func (e *ArchiveError) Unwrap() error { return e.Err }

var (
	errTraversal  = errors.New("its name leads out of the archive's directory")
	errTooLarge   = errors.New("too large")
	errNotArchive = errors.New("neither tar (plain, gzip, bzip2, xz) nor zip")
	errStop       = errors.New("stop") // ends a walk early, without an error
)

// member is a regular file of an archive.
type member struct {
	// name is clean and relative; it begins with the archive's top directory.
	name  string
	mtime time.Time
	size  int64
	body  io.Reader
}

// read returns the member's content.
func (m *member) read() ([]byte, error) {
	if m.size > maxMemberBytes {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(m.body, maxMemberBytes+1))
	if err == nil && len(data) > maxMemberBytes {
		err = errTooLarge
	}
	return data, err
}

// walkArchive calls visit for every regular file, in the archive's order, until
// the end or until visit returns errStop. The kind of archive is told by its
// first bytes, not by its name. name is for errors, which are *ArchiveError.
func walkArchive(name, file string, visit func(*member) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := &archiveWalk{name: name, visit: visit}
	in := bufio.NewReaderSize(f, 1<<18)
	// A short file has no magic number, which is what open says then.
	magic, _ := in.Peek(6)
	if bytes.HasPrefix(magic, []byte("PK\x03\x04")) {
		err = w.zip(f)
	} else {
		err = w.tar(in, magic)
	}
	if errors.Is(err, errStop) {
		return nil
	}
	var known *ArchiveError
	if err != nil && !errors.As(err, &known) {
		return &ArchiveError{Archive: name, Err: err}
	}
	return err
}

type archiveWalk struct {
	name  string
	visit func(*member) error
	count int
	bytes int64
}

func decompress(in *bufio.Reader, magic []byte) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.HasPrefix(magic, []byte("BZh")):
		return bzip2.NewReader(in), nil
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(in)
	}
	return in, nil
}

func (w *archiveWalk) tar(in *bufio.Reader, magic []byte) error {
	plain, err := decompress(in, magic)
	if err != nil {
		return err
	}
	tr := tar.NewReader(plain)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) && w.count > 0 {
			return drain(plain)
		}
		if w.count == 0 && (errors.Is(err, io.EOF) || errors.Is(err, tar.ErrHeader)) {
			return errNotArchive
		}
		if err != nil {
			return fmt.Errorf("damaged: %w", err)
		}
		if err := w.member(h.Name, h.Size, h.ModTime, h.Typeflag == tar.TypeReg, tr); err != nil {
			return err
		}
	}
}

// drain reads what is left after a tar's end, so that the checksum that ends the
// compressed stream is compared.
func drain(r io.Reader) error {
	const limit = 64 << 20
	n, err := io.Copy(io.Discard, io.LimitReader(r, limit))
	switch {
	case err != nil:
		return fmt.Errorf("damaged: %w", err)
	case n == limit:
		return errTooLarge
	}
	return nil
}

func (w *archiveWalk) zip(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	zr, err := zip.NewReader(f, info.Size())
	if err != nil {
		return fmt.Errorf("damaged: %w", err)
	}
	for _, zf := range zr.File {
		body, err := zf.Open()
		if err != nil {
			return &ArchiveError{w.name, zf.Name, err}
		}
		err = w.member(zf.Name, int64(zf.UncompressedSize64), zf.Modified, zf.Mode().IsRegular(), body)
		if err := errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// member checks one entry and shows it to the visitor if it is a regular file.
func (w *archiveWalk) member(name string, size int64, mtime time.Time, regular bool, body io.Reader) error {
	w.count++
	w.bytes += max(size, 0)
	clean := path.Clean(name)
	switch {
	case strings.HasPrefix(name, "/"), clean == "..", strings.HasPrefix(clean, "../"), strings.ContainsRune(name, 0):
		return &ArchiveError{w.name, name, errTraversal}
	case w.count > maxMembers, w.bytes > maxArchiveBytes, size < 0:
		return &ArchiveError{w.name, name, errTooLarge}
	case !regular:
		return nil
	}
	m := &member{name: clean, mtime: mtime, size: size, body: body}
	if err := w.visit(m); err != nil {
		if errors.Is(err, errStop) {
			return err
		}
		return &ArchiveError{w.name, name, err}
	}
	return nil
}
