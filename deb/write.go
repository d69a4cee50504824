package deb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/goreleaser/nfpm/v2"
	nfpmdeb "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

// DefaultCompression is fast and small enough, and read by dpkg from 1.21.18
// (Debian 12) and Ubuntu 18.04 on; docs/adr/0001-deb-over-nfpm.md has the
// numbers.
const DefaultCompression = "zstd:7"

// Request is a package to write.
type Request struct {
	Meta Meta
	// Entries are in any order. Folders above them that the list doesn't name get
	// 0755 and root.
	Entries []Entry
	// Scripts are the maintainer scripts that envbuild needs.
	Scripts Scripts
	// Triggers are dpkg's triggers that envbuild needs.
	Triggers Triggers
	// Settings are the spec's own keys of nfpm, or nil.
	Settings *Settings
	// SourceDate is the time of everything inside, in whole seconds.
	SourceDate time.Time
	// Compression is "zstd", "xz", "gzip" or "none", some with ":LEVEL". If it is
	// empty, the settings decide, else DefaultCompression.
	Compression string
}

// Write writes the package to w. The same request gives the same bytes. What was
// written when an error comes back is no package.
func Write(ctx context.Context, req Request, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	date := req.SourceDate.UTC().Truncate(time.Second)
	if date.Unix() < 0 {
		return &MetaError{"source date", req.SourceDate.Format(time.RFC3339), "is before 1970", "set SOURCE_DATE_EPOCH"}
	}
	req.SourceDate = date
	p, err := prepare(req)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "envbuild-deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	info, err := p.info(scratch)
	if err != nil {
		return err
	}
	return p.write(ctx, info, w)
}

// plan is a request, checked and completed.
type plan struct {
	req     Request
	tree    tree
	scripts Scripts
}

func prepare(req Request) (*plan, error) {
	req.Meta = req.Settings.complete(req.Meta)
	if err := req.Meta.check(); err != nil {
		return nil, err
	}
	entries := append([]Entry{}, req.Entries...)
	docs, err := documents(req)
	if err != nil {
		return nil, err
	}
	entries = append(append(entries, docs...), req.Settings.entries()...)
	t, err := check(entries)
	if err != nil {
		return nil, err
	}
	scripts, err := joinScripts(req.Scripts, req.Settings.scripts())
	return &plan{req, t, scripts}, err
}

// write lets nfpm write through a pipe, behind which its members are finished.
// A context that ends or a writer that fails ends nfpm at its next byte.
func (p *plan) write(ctx context.Context, info *nfpm.Info, w io.Writer) error {
	r, pipe := io.Pipe()
	stop := context.AfterFunc(ctx, func() { r.CloseWithError(context.Cause(ctx)) })
	defer stop()
	done := make(chan error, 1)
	go func() {
		err := nfpmdeb.Default.Package(info, pipe)
		pipe.CloseWithError(err)
		done <- err
	}()
	err := finish(r, w, p.tree.installedSize(), p.req.SourceDate)
	r.CloseWithError(err)
	made := <-done
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		err = made
	}
	if err != nil {
		return fmt.Errorf("packaging %s: %w", p.req.Meta.Name, err)
	}
	return nil
}

// info describes the package to nfpm. What it would ask of the machine is given:
// times, owners, modes, and the kinds of links, which it takes from the file
// that the link's target names on this machine.
func (p *plan) info(scratch string) (*nfpm.Info, error) {
	info := p.req.Settings.info()
	m := p.req.Meta
	info.Name, info.Version, info.Arch, info.Platform = m.Name, m.Version, m.Arch, "linux"
	info.VersionSchema = "none" // else 5.40.1-2 becomes 5.40.1~2
	info.Maintainer, info.Description, info.Homepage = m.Maintainer, m.Description, m.Homepage
	info.Section, info.Priority = m.Section, m.Priority
	info.Depends = once(m.Depends)
	info.MTime, info.DisableGlobbing = p.req.SourceDate, true
	info.Deb.Compression = p.compression()
	p.req.Triggers.addTo(info)
	for i, it := range p.tree {
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

func (p *plan) compression() string {
	if p.req.Compression != "" {
		return p.req.Compression
	}
	if c := p.req.Settings.compression(); c != "" {
		return c
	}
	return DefaultCompression
}

// content describes an entry to nfpm, which reads content from files only.
func (p *plan) content(it item, scratch string) (*files.Content, error) {
	c := &files.Content{
		Destination: it.Path,
		FileInfo: &files.ContentFileInfo{
			Owner: it.Owner, Group: it.Group, Mode: it.Mode, MTime: it.time(p.req.SourceDate), Size: it.size,
		},
	}
	switch it.Type {
	case Dir:
		c.Type = files.TypeDir
		if it.Mode == 0 {
			c.FileInfo.Mode = 0o755
		}
		return c, nil
	case Link:
		// Size and Mode keep nfpm from asking the file system for them.
		c.Type, c.Source = files.TypeSymlink, it.Target
		c.FileInfo.Mode, c.FileInfo.Size = fs.ModeSymlink|0o777, 1
		return c, nil
	case Config:
		c.Type = files.TypeConfig
	default:
		c.Type = files.TypeFile
	}
	if it.Mode == 0 {
		c.FileInfo.Mode = 0o644
	}
	c.Source = it.Source
	if it.Source == "" {
		c.Source = scratch
		return c, os.WriteFile(scratch, it.Content, 0o600)
	}
	if !utf8.ValidString(it.Source) { // nfpm takes sources for patterns, which are UTF-8
		c.Source = scratch
		return c, copyFile(it.Source, scratch)
	}
	return c, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
