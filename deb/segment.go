package deb

import (
	"cmp"
	"hash/fnv"
	"math/bits"
	"path"
	"slices"

	"github.com/envbuild/envbuild/internal/tree"
)

// bounds are the least and the greatest size of segments, in bytes of data.tar. A
// smaller one compresses worse, since nothing refers to what is in another; of a
// larger one more is compressed again when one file changed, and fewer are
// compressed at once. docs/adr/0006-assembled-packages.md has the numbers.
type bounds struct{ min, max int64 }

// often is for what changes often: the application, and small distributions, of
// which several share a segment. seldom is for the large origins, which change as
// a whole: a new runtime is another one in nearly all of its files.
var (
	often  = bounds{LargeOrigin, 4 << 20}
	seldom = bounds{8 << 20, 12 << 20}
)

// Beyond the least size a segment ends at the first name whose hash has that many
// zero bits, so that where segments begin depends on the names nearby and not on
// all that comes before. On the average a file of a runtime has 20 KB and the
// output of a distribution 150 KB: either way that is about a megabyte later.
const (
	fileBits   = 6
	originBits = 3
)

// piece is a range of the content of an item, with its header if the range
// begins at 0 and its padding if it ends at the end.
type piece struct {
	*item
	from, to int64
}

// segment is a part of data.tar that is compressed on its own.
type segment struct {
	pieces []piece
	// last says that the end of the tar belongs to the segment.
	last bool
}

// size is the number of bytes that the segment has.
func (s segment) size() int64 {
	var n int64
	for _, p := range s.pieces {
		n += p.to - p.from
		if p.from == 0 {
			n += p.headerSize()
		}
		if p.to == p.content() {
			n += padding(p.to)
		}
	}
	if s.last {
		n += tarEnd
	}
	return n
}

// run is the items of one origin.
type run struct {
	origin string
	items  []*item
	size   int64
}

// large says that the run doesn't share segments with others.
func (r *run) large() bool { return r.size >= LargeOrigin }

// alone cuts a large run.
func (r *run) alone() []segment {
	var c cutter
	sortRun(r.items)
	c.addAll(r.items, seldom)
	return c.done
}

// segments cuts a package into parts. It is a function of nothing but the names,
// sizes and origins of the entries.
//
// The directories come first: dpkg wants them before what is in them, and so they
// need not be repeated in each part. Then the small origins, several to a
// segment; then the large ones, in segments of their own; at last what belongs
// to the package itself.
func (t items) segments() []segment {
	var directories []*item
	byOrigin := map[string]*run{}
	for _, it := range t {
		if it.Kind == tree.Dir {
			directories = append(directories, it)
			continue
		}
		r := byOrigin[it.Origin]
		if r == nil {
			r = &run{origin: it.Origin}
			byOrigin[it.Origin] = r
		}
		r.items = append(r.items, it)
		r.size += it.tarSize()
	}
	own := byOrigin[""]
	delete(byOrigin, "")
	runs := make([]*run, 0, len(byOrigin))
	for _, r := range byOrigin {
		runs = append(runs, r)
	}
	slices.SortFunc(runs, func(a, b *run) int {
		return cmp.Or(compareBool(a.large(), b.large()), cmp.Compare(a.origin, b.origin))
	})
	var c cutter
	c.addAll(directories, often)
	for _, r := range runs {
		if r.large() {
			c.end()
			c.done = append(c.done, r.alone()...)
		} else {
			c.gather(r)
		}
	}
	c.end()
	if own != nil {
		sortRun(own.items)
		c.addAll(own.items, often)
	}
	c.done[len(c.done)-1].last = true
	return c.done
}

// cutter collects segments.
type cutter struct {
	done []segment
	now  []piece
	size int64
}

// gather adds a small origin to those before it.
func (c *cutter) gather(r *run) {
	sortRun(r.items)
	if c.size+r.size > often.max {
		c.end()
	}
	for _, it := range r.items {
		c.add(it, often)
	}
	c.mayEnd(r.origin, originBits, often)
}

// addAll adds items in segments of their own, between any of which one may end.
func (c *cutter) addAll(items []*item, b bounds) {
	c.end()
	for i, it := range items {
		if c.size+it.tarSize() > b.max {
			c.end()
		}
		c.add(it, b)
		if i+1 < len(items) && items[i+1].Kind == tree.Hardlink {
			continue // names of one file stay together
		}
		c.mayEnd(it.Path, fileBits, b)
	}
	c.end()
}

// add adds an item, and cuts one that is larger than a segment.
func (c *cutter) add(it *item, b bounds) {
	from := int64(0)
	for ; it.content()-from > b.max; from += b.max {
		c.now = append(c.now, piece{it, from, from + b.max})
		c.end()
	}
	c.now = append(c.now, piece{it, from, it.content()})
	c.size += it.tarSize() - from
}

func (c *cutter) mayEnd(name string, zeros int, b bounds) {
	h := fnv.New32a()
	h.Write([]byte(name))
	if c.size >= b.min && bits.TrailingZeros32(h.Sum32()) >= zeros {
		c.end()
	}
}

func (c *cutter) end() {
	if len(c.now) > 0 {
		c.done = append(c.done, segment{pieces: c.now})
	}
	c.now, c.size = nil, 0
}

// sortRun brings files of one kind together, which makes a package smaller by
// some percent, and names of one file behind each other.
func sortRun(items []*item) {
	slices.SortFunc(items, func(a, b *item) int {
		x, y := a.first(), b.first()
		return cmp.Or(
			cmp.Compare(path.Ext(x.Path), path.Ext(y.Path)), cmp.Compare(x.Path, y.Path),
			compareBool(a.leader != nil, b.leader != nil), cmp.Compare(a.Path, b.Path),
		)
	})
}

// first is the first name of the item's file.
func (it *item) first() *item {
	if it.leader != nil {
		return it.leader
	}
	return it
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
