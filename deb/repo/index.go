package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/envbuild/envbuild/deb/internal/xzjoin"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// indexKind is what an index lists.
type indexKind string

const (
	packagesKind indexKind = "Packages"
	contentsKind indexKind = "Contents"
)

// indexID names an index in a distribution.
type indexID struct {
	Kind         indexKind `json:"kind"`
	Component    string    `json:"component"`
	Architecture string    `json:"architecture"`
}

// file is the index's name below the distribution's directory.
func (id indexID) file(v variant) string {
	if id.Kind == contentsKind {
		return id.Component + "/Contents-" + id.Architecture + v.ending()
	}
	return id.Component + "/binary-" + id.Architecture + "/Packages" + v.ending()
}

// byHash is the name by which clients ask for a version of the index.
func (id indexID) byHash(dist string, sum digest.SHA256) string {
	return distsDir + dist + "/" + path.Dir(id.file(plain)) + "/by-hash/SHA256/" + sum.String()
}

// indexRef is an index in a generation.
type indexRef struct {
	indexID
	// Packages is how many it lists.
	Packages int `json:"packages"`
	// Table is the digest of its table.
	Table digest.SHA256 `json:"table"`
	// Files are its variants, by ending. That without one is listed in Release,
	// as apt wants, also where it isn't stored.
	Files map[string]fileRef `json:"files"`
}

// fileRef is a variant of an index.
type fileRef struct {
	Size   int64         `json:"size"`
	SHA256 digest.SHA256 `json:"sha256"`
	// Stored says that the file exists.
	Stored bool `json:"stored"`
}

// index is an index that was loaded to be read or changed.
type index struct {
	storage Storage
	dist    string
	ref     indexRef
	table   *table
}

func loadIndex(ctx context.Context, s Storage, dist string, ref indexRef) (*index, error) {
	name := tableName(ref.Table)
	b, err := readDigest(ctx, s, name, ref.Table)
	if err != nil {
		return nil, err
	}
	t, err := parseTable(b)
	if err != nil {
		return nil, &StateError{name, err}
	}
	return &index{storage: s, dist: dist, ref: ref, table: t}, nil
}

// stored reports whether a variant can be read.
func (ix *index) stored(v variant) bool { return ix.ref.Files[v.ending()].Stored && ix.table.has(v) }

func (ix *index) name(v variant) string {
	return ix.ref.byHash(ix.dist, ix.ref.Files[v.ending()].SHA256)
}

// readFrom reads what parts from number start on have in a variant's file.
func (ix *index) readFrom(ctx context.Context, start, end int, v variant) ([]byte, error) {
	from, to := ix.table.offset(start, v), ix.table.offset(end, v)
	if from == to {
		return nil, nil
	}
	f, err := ix.storage.Get(ctx, ix.name(v))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if to > f.Size {
		return nil, &StateError{ix.name(v), errors.New("it is shorter than its parts")}
	}
	b := make([]byte, to-from)
	if at, ok := f.ReadCloser.(io.ReaderAt); ok {
		_, err = at.ReadAt(b, from)
		if errors.Is(err, io.EOF) {
			err = nil
		}
	} else if _, err = io.CopyN(io.Discard, f, from); err == nil {
		_, err = io.ReadFull(f, b)
	}
	if err != nil {
		return nil, &StateError{ix.name(v), err}
	}
	return b, nil
}

// piece is a part with its bytes, by variant.
type piece struct {
	part
	data [variants][]byte
}

// item is a package's entry in an index and its text there.
type item struct {
	print uint64
	text  []byte
}

// items cuts a piece's text into its packages' parts.
func (p *piece) items() []item {
	rest, out := p.data[plain], make([]item, len(p.entries))
	for i, e := range p.entries {
		out[i], rest = item{e.print, rest[:e.size:e.size]}, rest[e.size:]
	}
	return out
}

// load reads parts, in all variants that exist. What was written is checked
// against its digest: nothing foreign is taken over.
func (ix *index) load(ctx context.Context, start, end int) ([]piece, error) {
	out := make([]piece, end-start)
	member, err := ix.readFrom(ctx, start, end, gzipped)
	if err != nil {
		return nil, err
	}
	var blocks []byte
	if ix.stored(xzipped) {
		if blocks, err = ix.readFrom(ctx, start, end, xzipped); err != nil {
			return nil, err
		}
	}
	for i := range out {
		p := &out[i]
		p.part = ix.table.parts[start+i]
		p.data[gzipped], member = member[:p.gzip:p.gzip], member[p.gzip:]
		if n := p.xz.Stored(); int64(len(blocks)) >= n {
			p.data[xzipped], blocks = blocks[:n:n], blocks[n:]
		}
	}
	return out, parallel.Each(ctx, maxParallel, len(out), func(_ context.Context, i int) error {
		p := &out[i]
		text, err := gunzipPart(p.data[gzipped], p.size)
		if err == nil && digest.Sum(text) != p.sum {
			err = fmt.Errorf("part %d isn't what was written", start+i)
		}
		if err != nil {
			return &StateError{ix.name(gzipped), err}
		}
		p.data[plain] = text
		return nil
	})
}

// find returns the texts of the packages with the prints.
func (ix *index) find(ctx context.Context, prints map[uint64]bool) (map[uint64][]byte, error) {
	out := map[uint64][]byte{}
	for _, i := range ix.table.with(prints) {
		pieces, err := ix.load(ctx, i, i+1)
		if err != nil {
			return nil, err
		}
		for _, it := range pieces[0].items() {
			if prints[it.print] {
				out[it.print] = it.text
			}
		}
	}
	return out, nil
}

// all returns the texts of all packages, in the index's order.
func (ix *index) all(ctx context.Context) ([]item, error) {
	pieces, err := ix.load(ctx, 0, len(ix.table.parts))
	if err != nil {
		return nil, err
	}
	var out []item
	for i := range pieces {
		out = append(out, pieces[i].items()...)
	}
	return out, nil
}

// stanzas parses all paragraphs of an index of packages.
func (ix *index) stanzas(ctx context.Context) ([]*stanza, error) {
	items, err := ix.all(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]*stanza, len(items))
	for i, it := range items {
		if out[i], err = parseStanza(it.text); err != nil {
			return nil, &StateError{ix.name(gzipped), err}
		}
	}
	return out, nil
}

// newPiece makes a piece of packages. It isn't compressed yet.
func newPiece(items []item) piece {
	var p piece
	texts := make([][]byte, len(items))
	for i, it := range items {
		texts[i] = it.text
		p.entries = append(p.entries, entry{it.print, int64(len(it.text))})
	}
	p.data[plain] = bytes.Join(texts, nil)
	p.sum, p.size = digest.Sum(p.data[plain]), int64(len(p.data[plain]))
	return p
}

// compress fills in what the pieces lack of the wanted variants. The last piece of
// several changes with every package, and isn't worth a process: it is stored as it
// is, until another follows.
func compress(ctx context.Context, pieces []piece, xz *xzProgram, several bool) error {
	var forGzip, forXZ []*piece
	for i := range pieces {
		p := &pieces[i]
		if p.data[gzipped] == nil {
			forGzip = append(forGzip, p)
		}
		open := several && i == len(pieces)-1 && p.size <= looseSize
		switch raw := p.xz.Unpadded > p.size; {
		case xz == nil:
			p.xz, p.data[xzipped] = xzjoin.Block{}, nil
		case open && p.data[xzipped] == nil:
			p.xz, p.data[xzipped] = xzjoin.Store(p.data[plain])
		case p.data[xzipped] == nil, raw && !open:
			forXZ = append(forXZ, p)
		}
	}
	jobs := len(forGzip) + 1
	return parallel.Each(ctx, maxParallel, jobs, func(ctx context.Context, i int) error {
		if i > 0 {
			p := forGzip[i-1]
			member, err := gzipPart(p.data[plain])
			p.data[gzipped], p.gzip = member, int64(len(member))
			return err
		}
		if len(forXZ) == 0 {
			return nil
		}
		texts := make([][]byte, len(forXZ))
		for i, p := range forXZ {
			texts[i] = p.data[plain]
		}
		blocks, stored, err := xz.parts(ctx, texts)
		if err != nil {
			return err
		}
		for i, p := range forXZ {
			p.xz, p.data[xzipped] = blocks[i], stored[i]
		}
		return nil
	})
}
