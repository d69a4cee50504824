// Package unpack extracts archives that nobody vouches for: into a directory of
// their own, never outside of it, never through a symlink, and only as much as the
// limits allow. It runs in the caller's process and reads nothing but the archive,
// so that its result is the same on every machine.
package unpack

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Format is a kind of archive.
type Format string

// The formats.
const (
	Tar     Format = "tar"
	TarGzip Format = "tar.gz"
	TarBzip Format = "tar.bz2"
	TarXZ   Format = "tar.xz"
	TarZstd Format = "tar.zst"
	Zip     Format = "zip"
)

// Formats lists them all.
func Formats() []Format { return []Format{Tar, TarGzip, TarBzip, TarXZ, TarZstd, Zip} }

// Options say what of an archive becomes the tree.
type Options struct {
	Format Format
	// Strip is the number of directories taken off the top of each path; what has
	// no more of them is left out.
	Strip int
	// Executables are files that are made executable, by their paths in the tree.
	Executables []string
	// Limits bound what the archive may make; those that are 0 have their defaults.
	Limits Limits
}

// Limits bound what an archive may make.
type Limits struct {
	// Entries is the number of files, directories and links: 300,000, unless set. The
	// largest packages of npm have a tenth of that.
	Entries int
	// Bytes is the size of all files together: 8 GiB, unless set.
	Bytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 300_000
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 30
	}
	return l
}

// Unpack extracts the archive at path into dir, which must be empty. Files become
// 0644, or 0755 if anyone may execute them, directories 0755. It fails with an
// *EntryError, a *LimitError, ctx's error, or one that says that the archive is
// damaged; then dir holds part of it.
func Unpack(ctx context.Context, path, dir string, o Options) error {
	if !slices.Contains(Formats(), o.Format) {
		return fmt.Errorf("%q is not a known archive format", o.Format)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	t := newTree(dir, o)
	if o.Format == Zip {
		err = unpackZip(ctx, f, t)
	} else {
		err = unpackTar(ctx, f, t)
	}
	if err != nil {
		return err
	}
	return t.finish()
}

// unpackTar reads to the end of the compressed stream: its checksum is there.
func unpackTar(ctx context.Context, f io.Reader, t *tree) error {
	stream, closeStream, err := decompress(f, t.opts.Format)
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	defer closeStream()
	stream = &boundedReader{r: stream, left: t.limit.Bytes + int64(t.limit.Entries)*headerBytes, tooLarge: t.tooLarge}
	r := tar.NewReader(stream)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // the tree looks at paths itself
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := addTar(t, h, r); err != nil {
			return err
		}
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(stream, t.left()+1)); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	} else if n > t.left() {
		return t.tooLarge()
	}
	return nil
}

// headerBytes is what the headers of an entry may take, one with another. Most take
// 512, with as much at the end of the content; one with a long name takes 1,536 more.
const headerBytes = 4 << 10

// boundedReader ends a stream that goes on without an entry: headers that belong to
// the next one may follow each other for ever, and archive/tar reads them all.
type boundedReader struct {
	r        io.Reader
	left     int64
	tooLarge func() error
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, b.tooLarge()
	}
	return n, err
}

func addTar(t *tree, h *tar.Header, r io.Reader) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return t.file(h.Name, h.Mode&0o111 != 0, r)
	case tar.TypeDir:
		return t.directory(h.Name)
	case tar.TypeSymlink:
		return t.symlink(h.Name, h.Linkname)
	case tar.TypeLink:
		return t.hardlink(h.Name, h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return &EntryError{Path: h.Name, Problem: "it is neither a file, a directory nor a link"}
}

func decompress(r io.Reader, format Format) (io.Reader, func(), error) {
	nothing := func() {}
	switch format {
	case TarGzip:
		z, err := gzip.NewReader(r)
		return z, nothing, err
	case TarBzip:
		return bzip2.NewReader(r), nothing, nil
	case TarXZ:
		// The package has no bound for memory: a hostile header makes it reserve 4 GiB
		// of address space, of which it touches what the data fills.
		z, err := xz.ReaderConfig{DictCap: 1 << 16}.NewReader(r)
		return z, nothing, err
	case TarZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nothing, err
		}
		return z, z.Close, nil
	}
	return r, nothing, nil
}

func unpackZip(ctx context.Context, f *os.File, t *tree) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(f, fi.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("read the archive: %w", err)
	}
	for _, entry := range r.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := addZip(t, entry); err != nil {
			return err
		}
	}
	return nil
}

func addZip(t *tree, entry *zip.File) (err error) {
	mode := entry.Mode()
	if mode.IsDir() {
		return t.directory(entry.Name)
	}
	content, err := entry.Open()
	if err != nil {
		return fmt.Errorf("read %q of the archive: %w", entry.Name, err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	switch {
	case mode&os.ModeSymlink != 0:
		target, err := io.ReadAll(io.LimitReader(content, maxTarget+1))
		if err != nil {
			return fmt.Errorf("read %q of the archive: %w", entry.Name, err)
		}
		return t.symlink(entry.Name, string(target))
	case mode.IsRegular():
		return t.file(entry.Name, mode&0o111 != 0, content)
	}
	return &EntryError{Path: entry.Name, Problem: "it is neither a file, a directory nor a link"}
}
