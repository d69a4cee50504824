package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"hash"
	"io"
	"slices"

	"github.com/envbuild/envbuild/deb/internal/xzjoin"
	"github.com/envbuild/envbuild/internal/digest"
)

// change is what is to be different in an index.
type change struct {
	drop map[uint64]bool
	add  []item
	// storePlain says that the uncompressed file is to exist.
	storePlain bool
}

// built is an index that was changed: what has to be written.
type built struct {
	ref   indexRef
	table []byte
	files [variants]*Content // nil: not stored
}

// apply makes the changed index. If only the loose end changes, which is so
// whenever packages are added, the base is neither read nor hashed: the new files
// are the old ones' beginnings and a new end.
func (ix *index) apply(ctx context.Context, c change, xz *xzProgram) (*built, error) {
	start := ix.table.base
	if !ix.extends(c, xz) {
		start = 0
	}
	old, err := ix.load(ctx, start, len(ix.table.parts))
	if err != nil {
		return nil, err
	}
	pieces, base := pack(old, ix.table.base-start, c)
	if err := compress(ctx, pieces, xz, start+len(pieces) > 1); err != nil {
		return nil, err
	}
	return ix.compose(start, pieces, base, c.storePlain, xz != nil)
}

// extends reports whether the files' beginnings stay as they are.
func (ix *index) extends(c change, xz *xzProgram) bool {
	t := ix.table
	if t.base == 0 { // nothing is gained
		return false
	}
	for _, i := range t.with(c.drop) {
		if i < t.base {
			return false
		}
	}
	return t.has(plain) && ix.stored(gzipped) && (xz == nil || ix.stored(xzipped)) && (!c.storePlain || ix.stored(plain))
}

// pack arranges packages in pieces, of which the first base are large. Pieces
// that nothing is dropped from stay as they are.
func pack(old []piece, oldBase int, c change) (out []piece, base int) {
	var loose []item
	size := 0
	take := func(items []item) {
		for _, it := range items {
			if !c.drop[it.print] {
				loose, size = append(loose, it), size+len(it.text)
			}
		}
	}
	cut := func(n int) { // makes the first n items a piece
		out = append(out, newPiece(loose[:n]))
		for _, it := range loose[:n] {
			size -= len(it.text)
		}
		loose = loose[n:]
	}
	cutBase := func() {
		for size >= baseSize {
			cut(reach(loose, baseSize))
		}
	}
	for i := range old[:oldBase] {
		touched := slices.ContainsFunc(old[i].entries, func(e entry) bool { return c.drop[e.print] })
		if touched || size > 0 && size < baseSize/2 { // what is left of a piece joins the next
			take(old[i].items())
			cutBase()
			continue
		}
		if len(loose) > 0 {
			cut(len(loose))
		}
		out = append(out, old[i])
	}
	for i := range old[oldBase:] {
		take(old[oldBase+i].items())
	}
	take(c.add)
	cutBase()
	base = len(out)
	for len(loose) > 0 {
		cut(max(1, reach(loose, looseSize+1)-1))
	}
	reuse(out, old)
	return out, base
}

// reach is the number of items that have at least size bytes, or one more than
// there are.
func reach(items []item, size int) int {
	for i, it := range items {
		if size -= len(it.text); size <= 0 {
			return i + 1
		}
	}
	return len(items) + 1
}

// reuse takes the compressed bytes of old pieces that come again.
func reuse(pieces, old []piece) {
	known := map[digest.SHA256]*piece{}
	for i := range old {
		known[old[i].sum] = &old[i]
	}
	for i := range pieces {
		if was := known[pieces[i].sum]; was != nil && slices.Equal(was.entries, pieces[i].entries) {
			pieces[i] = *was
		}
	}
}

// compose makes the files of the kept parts before start and the pieces.
func (ix *index) compose(start int, pieces []piece, base int, storePlain, storeXZ bool) (*built, error) {
	t := &table{parts: slices.Clone(ix.table.parts[:start]), base: start + base}
	for _, p := range pieces {
		t.parts = append(t.parts, p.part)
	}
	b := &built{ref: indexRef{indexID: ix.ref.indexID, Packages: t.count(), Files: map[string]fileRef{}}}
	for v := plain; v < variants; v++ {
		if v == xzipped && !storeXZ {
			continue
		}
		keep := int64(0)
		if start > 0 {
			keep = ix.table.offset(start, v)
		}
		sum, tail, err := ix.join(t, v, keep, pieces, base)
		if err != nil {
			return nil, err
		}
		size := keep
		for _, d := range tail {
			size += int64(len(d))
		}
		ref := fileRef{Size: size, SHA256: sum, Stored: v != plain || storePlain}
		b.ref.Files[v.ending()] = ref
		if ref.Stored {
			b.files[v] = &Content{Size: size, SHA256: sum, Open: ix.splice(v, keep, tail)}
		}
	}
	b.table = t.encode()
	b.ref.Table = digest.Sum(b.table)
	return b, nil
}

// join returns what follows the first keep bytes of a variant's old file, and the
// digest of all.
func (ix *index) join(t *table, v variant, keep int64, pieces []piece, base int) (digest.SHA256, [][]byte, error) {
	h, tail := sha256.New(), [][]byte{}
	add := func(b []byte) {
		h.Write(b)
		tail = append(tail, b)
	}
	switch {
	case keep > 0:
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(ix.table.states[v]); err != nil {
			return digest.SHA256{}, nil, &StateError{tableName(ix.ref.Table), err}
		}
	case v == xzipped:
		add(xzjoin.Header())
	}
	for i := range pieces {
		if i == base {
			if err := t.mark(v, h); err != nil {
				return digest.SHA256{}, nil, err
			}
		}
		add(pieces[i].data[v])
	}
	if base == len(pieces) {
		if err := t.mark(v, h); err != nil {
			return digest.SHA256{}, nil, err
		}
	}
	switch {
	case v == xzipped:
		add(xzjoin.Trailer(t.blocks()))
	case v == gzipped && len(t.parts) == 0: // without a member it isn't a gzip file
		empty, err := gzipPart(nil)
		if err != nil {
			return digest.SHA256{}, nil, err
		}
		add(empty)
	}
	return digest.SHA256(h.Sum(nil)), tail, nil
}

// mark keeps the state of the base's hash.
func (t *table) mark(v variant, h hash.Hash) (err error) {
	t.states[v], err = h.(encoding.BinaryMarshaler).MarshalBinary()
	return err
}

// splice opens a file that consists of the beginning of an old one and more.
func (ix *index) splice(v variant, keep int64, tail [][]byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		readers := make([]io.Reader, 0, len(tail)+1)
		body := io.NopCloser(nil)
		if keep > 0 {
			f, err := ix.storage.Get(context.Background(), ix.name(v))
			if err != nil {
				return nil, err
			}
			body = f
			readers = append(readers, io.LimitReader(f, keep))
		}
		for _, b := range tail {
			readers = append(readers, bytes.NewReader(b))
		}
		return readCloser{io.MultiReader(readers...), body}, nil
	}
}

type readCloser struct {
	io.Reader
	io.Closer
}
