package repo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/envbuild/envbuild/deb/internal/xzjoin"
	"github.com/envbuild/envbuild/internal/digest"
)

// variant is one form of an index file.
type variant int

const (
	plain variant = iota
	gzipped
	xzipped
	variants
)

func (v variant) ending() string { return [...]string{"", ".gz", ".xz"}[v] }

// table says how an index file is composed: of parts that are compressed apart
// from each other, in the order of the file. The file's beginning, the base, is
// large parts, to which nothing is ever added. What is new goes into the loose
// parts at the end: small, because the last of them is compressed again for
// every package. When there are enough they become a part of the base.
//
// The hashes' states at the end of the base are kept too. So an index of any
// length is extended by reading and hashing its loose end alone.
type table struct {
	parts []part
	// base is the number of parts that are the base.
	base int
	// states are marshaled SHA-256 hashes of the base, by variant. One is empty if
	// the variant doesn't exist.
	states [variants][]byte
}

// part is a piece of an index, compressed for itself.
type part struct {
	// sum is the digest of the uncompressed part, which has size bytes.
	sum  digest.SHA256
	size int64
	// gzip is the size of the gzip member.
	gzip int64
	// xz is the block of the .xz stream, or zero.
	xz xzjoin.Block
	// entries are the packages in the part, in its order.
	entries []entry
}

// entry is a package in a part: in Packages a paragraph, in Contents the lines of
// its files.
type entry struct {
	print uint64
	size  int64
}

// stored is the part's size in a variant of the file.
func (p *part) stored(v variant) int64 {
	switch v {
	case gzipped:
		return p.gzip
	case xzipped:
		return p.xz.Stored()
	}
	return p.size
}

// offset is where part i begins in a variant of the file.
func (t *table) offset(i int, v variant) int64 {
	var at int64
	if v == xzipped {
		at = xzjoin.HeaderSize
	}
	for _, p := range t.parts[:i] {
		at += p.stored(v)
	}
	return at
}

// blocks are the parts as the index of an .xz stream lists them.
func (t *table) blocks() []xzjoin.Block {
	out := make([]xzjoin.Block, len(t.parts))
	for i, p := range t.parts {
		out[i] = p.xz
	}
	return out
}

// has reports whether the file exists in the variant, as far as the table knows.
func (t *table) has(v variant) bool { return len(t.states[v]) > 0 }

// count is the number of packages.
func (t *table) count() (n int) {
	for _, p := range t.parts {
		n += len(p.entries)
	}
	return n
}

// with returns the numbers of the parts that hold one of the prints.
func (t *table) with(prints map[uint64]bool) []int {
	var out []int
	for i, p := range t.parts {
		for _, e := range p.entries {
			if prints[e.print] {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

const tableMagic = "envbuild index 1\n"

func (t *table) encode() []byte {
	b := []byte(tableMagic)
	for _, s := range t.states {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(t.base))
	b = binary.AppendUvarint(b, uint64(len(t.parts)))
	for _, p := range t.parts {
		b = append(b, p.sum[:]...)
		for _, n := range []int64{p.size, p.gzip, p.xz.Unpadded, int64(len(p.entries))} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		for _, e := range p.entries {
			b = binary.LittleEndian.AppendUint64(b, e.print)
			b = binary.AppendUvarint(b, uint64(e.size))
		}
	}
	return b
}

var errTable = errors.New("not a table of this version, or a damaged one")

// parseTable reads what encode wrote. What it says of sizes adds up.
func parseTable(b []byte) (*table, error) {
	rest, ok := bytes.CutPrefix(b, []byte(tableMagic))
	if !ok {
		return nil, errTable
	}
	d := &decoder{rest: rest}
	t := &table{}
	for v := range t.states {
		t.states[v] = d.bytes(d.number())
	}
	t.base = int(d.number())
	for range d.number() {
		if d.failed {
			break
		}
		p := part{}
		copy(p.sum[:], d.bytes(int64(len(p.sum))))
		p.size, p.gzip = d.number(), d.number()
		if n := d.number(); n > 0 {
			p.xz = xzjoin.Block{Unpadded: n, Size: p.size}
		}
		var sum int64
		for range d.number() {
			if d.failed {
				break
			}
			digits := d.bytes(8)
			e := entry{size: d.number()}
			if !d.failed {
				e.print = binary.LittleEndian.Uint64(digits)
			}
			p.entries = append(p.entries, e)
			sum += e.size
		}
		if sum != p.size {
			d.failed = true
		}
		t.parts = append(t.parts, p)
	}
	if d.failed || len(d.rest) > 0 || t.base > len(t.parts) {
		return nil, errTable
	}
	return t, nil
}

// decoder reads numbers and bytes until one is missing. A number is far below
// what could overflow when some are added.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) number() int64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > math.MaxInt32<<8 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return int64(n)
}

func (d *decoder) bytes(n int64) []byte {
	if n > int64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (v variant) String() string { return fmt.Sprintf("index%s", v.ending()) }
