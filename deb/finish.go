package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/envbuild/envbuild/deb/internal/ar"
)

// finish copies a package that nfpm wrote and sets its Installed-Size, for which
// nfpm has no seam. It reads one member after the other, so the data passes
// through.
func finish(r io.Reader, w io.Writer, size int64, date time.Time) error {
	in, err := ar.NewReader(r)
	if err != nil {
		return err
	}
	out, err := ar.NewWriter(w, date)
	if err != nil {
		return err
	}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		member := io.Reader(in)
		if h.Name == "control.tar.gz" {
			b, err := finishControl(in, size, date)
			if err != nil {
				return err
			}
			member, h.Size = bytes.NewReader(b), int64(len(b))
		}
		if err := out.Copy(h, member); err != nil {
			return err
		}
	}
}

// finishControl copies control.tar.gz with another Installed-Size.
func finishControl(r io.Reader, size int64, date time.Time) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	out, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(out)
	if err := copyControl(tw, tar.NewReader(z), size, date); err != nil {
		return nil, err
	}
	err = errors.Join(tw.Close(), out.Close())
	return buf.Bytes(), err
}

func copyControl(out *tar.Writer, in *tar.Reader, size int64, date time.Time) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		if h.Name == "./control" {
			b = setInstalledSize(b, size)
		}
		h = &tar.Header{
			Typeflag: tar.TypeReg, Name: h.Name, Mode: h.Mode, Size: int64(len(b)), ModTime: date,
			Uname: "root", Gname: "root", Format: tar.FormatGNU,
		}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
}

func setInstalledSize(control []byte, size int64) []byte {
	line := regexp.MustCompile(`(?m)^Installed-Size: [0-9]+$`)
	return line.ReplaceAll(control, []byte("Installed-Size: "+strconv.FormatInt(size, 10)))
}
