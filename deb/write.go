package deb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/goreleaser/nfpm/v2"

	"github.com/envbuild/envbuild/deb/internal/ar"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/tree"
)

// DefaultCompression is read by every dpkg, and smaller than the others.
// docs/adr/0006-assembled-packages.md has the numbers.
const DefaultCompression = "xz"

// Request is a package to write.
type Request struct {
	Meta Meta
	// Entries are in any order and have absolute paths. Directories above them that the
	// list doesn't name get 0755 and root. dpkg looks owners and groups up when it
	// unpacks, so they must exist by then.
	//
	// What has one Origin is compressed together and apart from the others as far as
	// that doesn't make the package larger, so that a change of one origin leaves
	// the compressed parts of the others as they were. What has none belongs to the
	// package itself and is expected to change with each version.
	Entries []tree.Entry
	// Scripts are the maintainer scripts that envbuild needs.
	Scripts Scripts
	// Triggers are dpkg's triggers that envbuild needs.
	Triggers Triggers
	// Settings are the spec's own keys of nfpm, or nil.
	Settings *Settings
	// SourceDate is the time of everything inside, in whole seconds.
	SourceDate time.Time
	// Compression is "xz", "zstd", "gzip" or "none", some with ":LEVEL". If it is
	// empty, the settings decide, else DefaultCompression.
	Compression string
	// Cache keeps what was compressed, for the next package; nil keeps nothing. It
	// has no influence on the bytes.
	Cache Cache
	// XZ is the path of the program xz, which that compression needs, or empty.
	XZ string
	// Parallel is how many parts are compressed at once; 0 means one for each core.
	// xz takes 49 MB for each.
	Parallel int
	// Scratch is a directory for what is compressed until its size is known; "" is that
	// of the system.
	Scratch string
	// Nfpm lets nfpm's own packager write the package. It keeps all of the data in
	// memory, makes files of hardlinks, and uses no cache.
	Nfpm bool
}

// Write writes the package to w. The same request gives the same bytes, as long
// as the compressor is the same: Cache, Parallel and Scratch have no influence.
// After an error, what was written is worthless.
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
	if req.Nfpm {
		err = p.writeByNfpm(ctx, w)
	} else {
		err = p.assemble(ctx, w)
	}
	if err != nil {
		return fmt.Errorf("packaging %s: %w", p.req.Meta.Name, err)
	}
	return nil
}

// plan is a request, checked and completed.
type plan struct {
	req     Request
	items   items
	scripts Scripts
}

func prepare(req Request) (*plan, error) {
	req.Meta = req.Settings.complete(req.Meta)
	if err := req.Meta.check(); err != nil {
		return nil, err
	}
	entries := append([]tree.Entry{}, req.Entries...)
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

// assemble writes the three members. data.tar comes first into a file, because
// the sums of its files and its size are written before it.
func (p *plan) assemble(ctx context.Context, w io.Writer) error {
	a, err := newAssembler(ctx, p)
	if err != nil {
		return err
	}
	data, err := newSpool(p.req.Scratch, a.member())
	if err != nil {
		return err
	}
	err = a.write(ctx, data)
	if err == nil {
		err = p.writeMembers(ctx, w, data)
	}
	return errors.Join(err, data.close())
}

func (p *plan) writeMembers(ctx context.Context, w io.Writer, data *spool) error {
	members, err := p.controlMembers(p.info())
	if err != nil {
		return err
	}
	control, err := controlTar(members, p.req.SourceDate)
	if err != nil {
		return err
	}
	body, err := data.rewind()
	if err != nil {
		return err
	}
	out, err := ar.NewWriter(w, p.req.SourceDate)
	if err != nil {
		return err
	}
	version := []byte("2.0\n")
	for _, m := range []struct {
		ar.Header
		r io.Reader
	}{
		{ar.Header{Name: "debian-binary", Size: int64(len(version))}, bytes.NewReader(version)},
		{ar.Header{Name: "control.tar.gz", Size: int64(len(control))}, bytes.NewReader(control)},
		{ar.Header{Name: data.member, Size: data.size}, cancel.Reader(ctx, body)},
	} {
		if err := out.Copy(m.Header, m.r); err != nil {
			return err
		}
	}
	return nil
}

// info is the package as nfpm describes it, without its files.
func (p *plan) info() *nfpm.Info {
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
	info.Changelog = "" // an entry by now
	return info
}

func (p *plan) compression() string {
	return cmp.Or(p.req.Compression, p.req.Settings.compression(), DefaultCompression)
}
