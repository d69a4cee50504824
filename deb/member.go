package deb

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/envbuild/envbuild/internal/tree"
)

const (
	tarBlock = 512
	// tarEnd is the size of what ends a tar archive.
	tarEnd = 2 * tarBlock
)

// zeros pad and end a tar.
var zeros [tarEnd]byte

// content is the number of bytes that the item has in data.tar behind its header.
func (it *item) content() int64 {
	if it.Kind == tree.File {
		return it.Size
	}
	return 0
}

// tarSize is the size of the item in data.tar.
func (it *item) tarSize() int64 {
	return it.headerSize() + it.content() + padding(it.content())
}

// headerSize is what stands before the content: a block, and for each name that
// is longer than its field another one and the name.
func (it *item) headerSize() int64 {
	const field = 100
	n := int64(tarBlock)
	for _, name := range []string{it.tarName(), it.tarTarget()} {
		if len(name) > field {
			long := int64(len(name) + 1)
			n += tarBlock + long + padding(long)
		}
	}
	return n
}

// tarName is the item's path as dpkg-deb writes it.
func (it *item) tarName() string {
	if it.Kind == tree.Dir {
		return "." + it.Path + "/"
	}
	return "." + it.Path
}

func (it *item) tarTarget() string {
	if it.Kind == tree.Hardlink {
		return "." + it.Target
	}
	return it.Target
}

// padding is what brings n to a multiple of a tar's blocks.
func padding(n int64) int64 { return -n & (tarBlock - 1) }

// header describes the item as dpkg reads it. GNU's format it is, because dpkg
// refuses the headers of PAX; it holds names of any length, and sizes above
// 8 GiB in base 256.
func (it *item) header(date time.Time) *tar.Header {
	h := &tar.Header{
		Name: it.tarName(), Linkname: it.tarTarget(), Mode: unixBits(it.Permissions()), ModTime: it.time(date), Size: it.content(),
		Uname: it.Owner, Gname: it.Group, Format: tar.FormatGNU, Typeflag: tar.TypeReg,
	}
	if h.Uname == "" {
		h.Uname = "root"
	}
	if h.Gname == "" {
		h.Gname = "root"
	}
	switch it.Kind {
	case tree.Dir:
		h.Typeflag = tar.TypeDir
	case tree.Symlink:
		h.Typeflag = tar.TypeSymlink
	case tree.Hardlink:
		h.Typeflag = tar.TypeLink
	}
	return h
}

// unixBits is what chmod(2) takes.
func unixBits(m fs.FileMode) int64 {
	bits := int64(m.Perm())
	for _, b := range []struct {
		mode fs.FileMode
		bit  int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&b.mode != 0 {
			bits |= b.bit
		}
	}
	return bits
}

// writeTo writes a segment as a part of data.tar.
func (s segment) writeTo(w io.Writer, date time.Time) error {
	for _, p := range s.pieces {
		if err := p.writeTo(w, date); err != nil {
			return fmt.Errorf("the package's %q: %w", p.Path, err)
		}
	}
	if s.last {
		_, err := w.Write(zeros[:])
		return err
	}
	return nil
}

// writeTo writes the piece. With the first piece of a file its MD5 is made, if
// necessary by reading on.
func (p piece) writeTo(w io.Writer, date time.Time) error {
	if err := p.writeHeader(w, date); err != nil {
		return err
	}
	if p.Kind != tree.File {
		return nil
	}
	r, done, err := p.open()
	if err != nil {
		return err
	}
	err = p.copyTo(w, r)
	if cerr := done(); err == nil {
		err = cerr
	}
	if err == nil && p.to == p.Size {
		_, err = w.Write(zeros[:padding(p.to)])
	}
	return err
}

func (p piece) writeHeader(w io.Writer, date time.Time) error {
	if p.from > 0 {
		return nil
	}
	return tar.NewWriter(w).WriteHeader(p.header(date))
}

func (p piece) copyTo(w io.Writer, r io.ReadSeeker) error {
	if p.from > 0 {
		if _, err := r.Seek(p.from, io.SeekStart); err != nil {
			return err
		}
	}
	h := md5.New()
	if p.from == 0 {
		w = io.MultiWriter(w, h)
	}
	_, err := io.CopyN(w, r, p.to-p.from)
	if errors.Is(err, io.EOF) {
		return p.errChanged()
	}
	if err != nil || p.from > 0 {
		return err
	}
	_, err = io.Copy(h, r)
	p.md5 = [md5.Size]byte(h.Sum(nil))
	return err
}

// open returns the item's content and fails if that isn't what was checked.
func (it *item) open() (r io.ReadSeeker, done func() error, err error) {
	r, err = it.Open()
	f, ok := r.(*os.File)
	if err != nil || !ok {
		return r, func() error { return nil }, err
	}
	done = func() error {
		fi, err := f.Stat()
		if err == nil && (fi.Size() != it.Size || !fi.ModTime().Equal(it.changed)) {
			err = it.errChanged()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return err
	}
	return f, done, nil
}

func (it *item) errChanged() error {
	return &EntryError{it.Path, "changed while it was packaged", "package again when nothing writes there"}
}

// md5sums lists the files as dpkg and debsums compare them, without conffiles,
// which may change.
func (t items) md5sums() []byte {
	var b bytes.Buffer
	for _, it := range t {
		if it.Kind == tree.File && !it.Config || it.Kind == tree.Hardlink {
			fmt.Fprintf(&b, "%x  %s\n", it.first().md5, strings.TrimPrefix(it.Path, "/"))
		}
	}
	return b.Bytes()
}

// conffiles lists the files that dpkg asks about when their owner changed them.
func (t items) conffiles() []byte {
	var b bytes.Buffer
	for _, it := range t {
		if it.Config {
			b.WriteString(it.Path + "\n")
		}
	}
	return b.Bytes()
}
