package elfedit

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// maxDynamic bounds the entries of a dynamic section; real ones have some 30.
const maxDynamic = 1 << 12

// image is the loader's view of an ELF file, sizes widened to 64 bits.
type image struct {
	r       io.ReaderAt
	order   binary.ByteOrder
	class   elf.Class
	machine elf.Machine
	typ     elf.Type
	header  elf.Header64
	progs   []elf.Prog64

	dynOff int64 // of the dynamic section in the file
	dyn    []dynamic
	strOff int64 // of the dynamic string table in the file
	strtab []byte
}

// dynamic is one entry of the dynamic section, before its DT_NULL.
type dynamic struct {
	tag elf.DynTag
	val uint64
}

func malformed(format string, args ...any) error {
	return &FormatError{Reason: fmt.Sprintf(format, args...)}
}

func parse(r io.ReaderAt) (*image, error) {
	var ident [elf.EI_NIDENT]byte
	if n, err := r.ReadAt(ident[:], 0); n < len(ident) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(ident[:len(elf.ELFMAG)]) != elf.ELFMAG {
		return nil, ErrNotELF
	}
	im := &image{r: r, class: elf.Class(ident[elf.EI_CLASS])}
	switch elf.Data(ident[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		im.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		im.order = binary.BigEndian
	default:
		return nil, malformed("byte order %d", ident[elf.EI_DATA])
	}
	for _, read := range []func() error{im.readHeader, im.readProgs, im.readDynamic, im.readStrings} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return im, nil
}

func (im *image) readHeader() error {
	switch im.class {
	case elf.ELFCLASS64:
		if err := im.decode(0, &im.header); err != nil {
			return err
		}
	case elf.ELFCLASS32:
		var h elf.Header32
		if err := im.decode(0, &h); err != nil {
			return err
		}
		im.header = elf.Header64{
			Type: h.Type, Machine: h.Machine, Phoff: uint64(h.Phoff), Shoff: uint64(h.Shoff),
			Phentsize: h.Phentsize, Phnum: h.Phnum, Shentsize: h.Shentsize, Shnum: h.Shnum,
		}
	default:
		return malformed("class %d", im.class)
	}
	im.typ, im.machine = elf.Type(im.header.Type), elf.Machine(im.header.Machine)
	return nil
}

func (im *image) readProgs() (err error) {
	h := &im.header
	if im.class == elf.ELFCLASS64 {
		im.progs, err = readTable[elf.Prog64](im, h.Phoff, h.Phentsize, int(h.Phnum))
		return err
	}
	progs, err := readTable[elf.Prog32](im, h.Phoff, h.Phentsize, int(h.Phnum))
	for _, p := range progs {
		im.progs = append(im.progs, elf.Prog64{
			Type: p.Type, Off: uint64(p.Off), Vaddr: uint64(p.Vaddr), Filesz: uint64(p.Filesz),
		})
	}
	return err
}

// readTable reads n entries of a table whose header claims entsize bytes for one.
func readTable[T any](im *image, off uint64, entsize uint16, n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	table := make([]T, n)
	if want := binary.Size(table[0]); int(entsize) != want {
		return nil, malformed("table entries of %d bytes instead of %d", entsize, want)
	}
	return table, im.decode(off, table)
}

func (im *image) readDynamic() error {
	for _, p := range im.progs {
		if elf.ProgType(p.Type) != elf.PT_DYNAMIC {
			continue
		}
		n := p.Filesz / uint64(im.dynSize())
		if n > maxDynamic {
			return malformed("%d entries in the dynamic section", n)
		}
		im.dynOff = int64(p.Off)
		return im.readEntries(p.Off, int(n))
	}
	return nil
}

func (im *image) readEntries(off uint64, n int) error {
	entries := make([]elf.Dyn64, n)
	if im.class == elf.ELFCLASS64 {
		if err := im.decode(off, entries); err != nil {
			return err
		}
	} else {
		narrow := make([]elf.Dyn32, n)
		if err := im.decode(off, narrow); err != nil {
			return err
		}
		for i, d := range narrow {
			entries[i] = elf.Dyn64{Tag: int64(d.Tag), Val: uint64(d.Val)}
		}
	}
	for _, d := range entries {
		if elf.DynTag(d.Tag) == elf.DT_NULL {
			break
		}
		im.dyn = append(im.dyn, dynamic{elf.DynTag(d.Tag), d.Val})
	}
	return nil
}

// dynSize is the size of one entry of the dynamic section in bytes.
func (im *image) dynSize() int {
	if im.class == elf.ELFCLASS64 {
		return 16
	}
	return 8
}

func (im *image) readStrings() error {
	addr, ok := im.lookup(elf.DT_STRTAB)
	if !ok {
		return nil
	}
	size, _ := im.lookup(elf.DT_STRSZ)
	off, err := im.offset(addr)
	if err != nil {
		return err
	}
	im.strOff = int64(off)
	im.strtab, err = im.bytes(off, size)
	return err
}

func (im *image) lookup(tag elf.DynTag) (val uint64, ok bool) {
	for _, d := range im.dyn {
		if d.tag == tag {
			return d.val, true
		}
	}
	return 0, false
}

// offset turns an address into the place in the file that is loaded there.
func (im *image) offset(addr uint64) (uint64, error) {
	for _, p := range im.progs {
		if elf.ProgType(p.Type) == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			return p.Off + (addr - p.Vaddr), nil
		}
	}
	return 0, malformed("address %#x is in no segment", addr)
}

// text returns the string at off in the dynamic string table.
func (im *image) text(off uint64) (string, error) {
	if off < uint64(len(im.strtab)) {
		if n := bytes.IndexByte(im.strtab[off:], 0); n >= 0 {
			return string(im.strtab[off : off+uint64(n)]), nil
		}
	}
	return "", malformed("string at %d of a table of %d bytes", off, len(im.strtab))
}

func (im *image) interp() (string, error) {
	for _, p := range im.progs {
		if elf.ProgType(p.Type) == elf.PT_INTERP {
			b, err := im.bytes(p.Off, p.Filesz)
			s, _, _ := bytes.Cut(b, []byte{0})
			return string(s), err
		}
	}
	return "", nil
}

// decode reads a value of fixed size, or a slice of them.
func (im *image) decode(off uint64, into any) error {
	b, err := im.bytes(off, uint64(binary.Size(into)))
	if err != nil {
		return err
	}
	_, err = binary.Decode(b, im.order, into)
	return err
}

// bytes reads exactly size bytes. The buffer grows with what the file really
// has, so a claim of exabytes costs nothing.
func (im *image) bytes(off, size uint64) ([]byte, error) {
	if off > math.MaxInt64 || size > math.MaxInt64 {
		return nil, malformed("%d bytes at %d", size, off)
	}
	b, err := io.ReadAll(io.NewSectionReader(im.r, int64(off), int64(size)))
	if err != nil {
		return nil, err
	}
	if uint64(len(b)) != size {
		return nil, malformed("%d bytes at %d are beyond the end", size, off)
	}
	return b, nil
}
