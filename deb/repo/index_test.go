package repo

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/internal/digest"
)

// TestIndex changes an index at random, and compares it with a list.
func TestIndex(t *testing.T) {
	path, err := exec.LookPath("xz")
	if err != nil {
		t.Fatal(err)
	}
	storage := NewDirectory(t.TempDir(), time.Now)
	rnd := rand.New(rand.NewPCG(1, 2))
	ix := &index{storage: storage, dist: "x", ref: indexRef{indexID: indexID{packagesKind, "main", "amd64"}}, table: &table{}}
	var model []item
	extended := 0
	for step := range 40 {
		c := change{drop: map[uint64]bool{}, storePlain: step%20 < 10}
		switch {
		case step%13 == 12: // many go
			for _, it := range model {
				if rnd.IntN(3) > 0 {
					c.drop[it.print] = true
				}
			}
		case step%5 == 4 && len(model) > 0: // one goes
			c.drop[model[rnd.IntN(len(model))].print] = true
		}
		for range []int{1, 1, 3, 20}[rnd.IntN(4)] {
			n := rnd.Uint64()
			size := []int{300, 900, 9000, 300_000}[rnd.IntN(61)/20]
			c.add = append(c.add, item{n, fmt.Appendf(nil, "Package: p%d\nDescription: %s\n\n", n, strings.Repeat(string(rune('a'+n%26)), size))})
		}
		model = slices.DeleteFunc(model, func(it item) bool { return c.drop[it.print] })
		model = append(model, c.add...)
		tool := &xzProgram{path}
		if step%11 == 10 {
			tool = nil
		}
		if ix.extends(c, tool) {
			extended++
		}
		b, err := ix.apply(t.Context(), c, tool)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		ix = save(t, ix, b)
		check(t, ix, model, tool != nil)
	}
	if extended < 5 {
		t.Errorf("an index was only %d times extended without reading it", extended)
	}
}

// save writes what was built, and loads it again.
func save(t *testing.T, ix *index, b *built) *index {
	t.Helper()
	write := func(name string, c Content) {
		if err := ix.storage.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := ix.storage.Create(t.Context(), name, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range b.files {
		if c == nil {
			continue
		}
		// A file that is made of itself would be removed before it is read.
		r, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if digest.Sum(data) != c.SHA256 || int64(len(data)) != c.Size {
			t.Fatalf("%d bytes aren't those that were announced", len(data))
		}
		write(b.ref.byHash(ix.dist, c.SHA256), Bytes(data))
	}
	write(tableName(b.ref.Table), Bytes(b.table))
	next, err := loadIndex(t.Context(), ix.storage, ix.dist, b.ref)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// check compares all variants of an index with what it has to hold.
func check(t *testing.T, ix *index, model []item, hasXZ bool) {
	t.Helper()
	items, err := ix.all(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, it := range items {
		text = append(text, it.text...)
	}
	prints := func(list []item) (out []uint64) {
		for _, it := range list {
			out = append(out, it.print)
		}
		return out
	}
	if !slices.Equal(prints(items), prints(model)) {
		t.Fatalf("%d packages are there, %d have to be", len(items), len(model))
	}
	if want := ix.ref.Files[""]; digest.Sum(text) != want.SHA256 || int64(len(text)) != want.Size {
		t.Fatal("the uncompressed index isn't what was announced")
	}
	for v, open := range map[variant]func(io.Reader) (io.Reader, error){
		plain:   func(r io.Reader) (io.Reader, error) { return r, nil },
		gzipped: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		xzipped: func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) },
	} {
		if !ix.stored(v) {
			if v == gzipped || v == xzipped && hasXZ {
				t.Fatalf("there is no %s", v)
			}
			continue
		}
		f, err := ix.storage.Get(t.Context(), ix.name(v))
		if err != nil {
			t.Fatal(err)
		}
		r, err := open(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%s: %d bytes, want %d: %v", v, len(got), len(text), err)
		}
		f.Close()
	}
	for i, p := range ix.table.parts {
		if i >= ix.table.base && p.size > looseSize && len(p.entries) > 1 {
			t.Errorf("the loose part %d has %d bytes", i, p.size)
		}
	}
	if loose := len(ix.table.parts) - ix.table.base; loose > 2*baseSize/looseSize+1 {
		t.Errorf("there are %d loose parts", loose)
	}
}
