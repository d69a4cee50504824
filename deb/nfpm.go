package deb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/goreleaser/nfpm/v2"
	nfpmdeb "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"

	"github.com/envbuild/envbuild/deb/internal/ar"
	"github.com/envbuild/envbuild/internal/tree"
)

// writeByNfpm lets nfpm write through a pipe, behind which its members are
// finished. A context that ends or a writer that fails ends nfpm at its next byte.
func (p *plan) writeByNfpm(ctx context.Context, w io.Writer) (err error) {
	scratch, err := os.MkdirTemp(p.req.Scratch, "envbuild-deb-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	info, err := p.infoWithFiles(scratch)
	if err != nil {
		return err
	}
	r, pipe := io.Pipe()
	stop := context.AfterFunc(ctx, func() { r.CloseWithError(context.Cause(ctx)) })
	defer stop()
	done := make(chan error, 1)
	go func() {
		err := nfpmdeb.Default.Package(info, pipe)
		pipe.CloseWithError(err)
		done <- err
	}()
	err = finish(r, w, p.items.installedSize(), p.req.SourceDate)
	r.CloseWithError(err)
	made := <-done
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return made
	}
	return err
}

// infoWithFiles describes the package to nfpm. What it would ask of the machine
// is given: times, owners, modes, and the kinds of links, which it takes from the
// file that the link's target names on this machine.
func (p *plan) infoWithFiles(scratch string) (*nfpm.Info, error) {
	info := p.info()
	for i, it := range p.items {
		c, err := p.content(it, filepath.Join(scratch, strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		info.Contents = append(info.Contents, c)
	}
	var err error
	info.Scripts, err = p.scripts.save(scratch)
	return info, err
}

// content describes an entry to nfpm, which reads content from files only and
// knows no hardlinks.
func (p *plan) content(it *item, scratch string) (*files.Content, error) {
	c := &files.Content{
		Destination: it.Path, Type: files.TypeFile,
		FileInfo: &files.ContentFileInfo{
			Owner: it.Owner, Group: it.Group, Mode: it.Permissions(), MTime: it.time(p.req.SourceDate), Size: it.Size,
		},
	}
	switch it.Kind {
	case tree.Dir:
		c.Type = files.TypeDir
		return c, nil
	case tree.Symlink:
		// Size and Mode keep nfpm from asking the file system for them.
		c.Type, c.Source = files.TypeSymlink, it.Target
		c.FileInfo.Mode, c.FileInfo.Size = fs.ModeSymlink|0o777, 1
		return c, nil
	}
	if it.Config {
		c.Type = files.TypeConfig
	}
	file := it.first()
	c.Source = file.Source
	if file.Source == "" {
		c.Source = scratch
		return c, os.WriteFile(scratch, file.Content, 0o600)
	}
	if !utf8.ValidString(file.Source) { // nfpm takes sources for patterns, which are UTF-8
		c.Source = scratch
		return c, tree.CopyFile(file.Source, scratch)
	}
	return c, nil
}

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
