package elfedit

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"
)

// flavour is a class and byte order of ELF.
type flavour struct {
	name  string
	class elf.Class
	order binary.AppendByteOrder
}

func flavours() []flavour {
	return []flavour{
		{"64 little", elf.ELFCLASS64, binary.LittleEndian},
		{"64 big", elf.ELFCLASS64, binary.BigEndian},
		{"32 little", elf.ELFCLASS32, binary.LittleEndian},
		{"32 big", elf.ELFCLASS32, binary.BigEndian},
	}
}

// synthetic makes a library of any class and byte order, with the parts that
// the loader reads: a header, two segments, a dynamic section, a string table,
// and a symbol table before it.
type synthetic struct {
	flavour
	machine elf.Machine
	dyn     []dynamic
	strings string
	symbols []uint32
}

const loadAddress = 0x10000

func (s synthetic) bytes() []byte {
	wide := s.class == elf.ELFCLASS64
	ehdr, phdr, sym, entry := 52, 32, elf.Sym32Size, 8
	if wide {
		ehdr, phdr, sym, entry = 64, 56, elf.Sym64Size, 16
	}
	dynOff := ehdr + 2*phdr
	symOff := dynOff + (len(s.dyn)+4)*entry
	strOff := symOff + len(s.symbols)*sym
	total := strOff + len(s.strings)

	var b []byte
	word := func(v uint64) {
		if wide {
			b = s.order.AppendUint64(b, v)
		} else {
			b = s.order.AppendUint32(b, uint32(v))
		}
	}
	half := func(v int) { b = s.order.AppendUint16(b, uint16(v)) }
	full := func(v int) { b = s.order.AppendUint32(b, uint32(v)) }
	data := elf.ELFDATA2LSB
	if s.order == binary.AppendByteOrder(binary.BigEndian) {
		data = elf.ELFDATA2MSB
	}
	b = append(b, elf.ELFMAG...)
	b = append(b, byte(s.class), byte(data), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	half(int(elf.ET_DYN))
	half(int(s.machine))
	full(1)
	word(0)            // entry
	word(uint64(ehdr)) // phoff
	word(0)            // shoff
	full(0)
	for _, v := range []int{ehdr, phdr, 2, 0, 0, 0} {
		half(v)
	}
	segment := func(typ elf.ProgType, off, size int) {
		full(int(typ))
		if wide {
			full(4)
		}
		word(uint64(off))
		word(uint64(loadAddress + off))
		word(0)
		word(uint64(size))
		word(uint64(size))
		if !wide {
			full(4)
		}
		word(1)
	}
	segment(elf.PT_LOAD, 0, total)
	segment(elf.PT_DYNAMIC, dynOff, symOff-dynOff)
	for _, d := range append([]dynamic{
		{elf.DT_STRTAB, uint64(loadAddress + strOff)}, {elf.DT_STRSZ, uint64(len(s.strings))},
		{elf.DT_SYMTAB, uint64(loadAddress + symOff)},
	}, append(s.dyn, dynamic{})...) {
		word(uint64(d.tag))
		word(d.val)
	}
	for _, name := range s.symbols {
		full(int(name))
		b = append(b, make([]byte, sym-4)...)
	}
	return append(b, s.strings...)
}

// memory is a file in memory.
type memory struct{ b []byte }

func (m *memory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, off) }

func (m *memory) WriteAt(p []byte, off int64) (int, error) { return copy(m.b[off:], p), nil }

// table is a string table; at returns the offset of a string in it.
type table string

func (t table) at(s string) uint64 { return uint64(strings.Index(string(t), s+"\x00")) }

func TestEveryClassAndByteOrder(t *testing.T) {
	const strs = table("\x00libc.so.6\x00/place/holder/lib:/usr/lib\x00libown.so\x00sym\x00/old/rpath\x00")
	for _, fl := range flavours() {
		t.Run(fl.name, func(t *testing.T) {
			f := &memory{synthetic{
				flavour: fl, machine: elf.EM_MIPS, strings: string(strs), symbols: []uint32{0, uint32(strs.at("sym"))},
				dyn: []dynamic{
					{elf.DT_NEEDED, strs.at("libc.so.6")},
					{elf.DT_RPATH, strs.at("/old/rpath")},
					{elf.DT_SONAME, strs.at("libown.so")},
					{elf.DT_RUNPATH, strs.at("/place/holder/lib:/usr/lib")},
					{elf.DT_MIPS_RLD_MAP_REL, 1000},
				},
			}.bytes()}
			info, err := Read(f)
			if err != nil {
				t.Fatal(err)
			}
			if info.Class != fl.class || info.Soname != "libown.so" || info.Needed[0] != "libc.so.6" ||
				info.Runpath != "/place/holder/lib:/usr/lib" || info.Rpath != "/old/rpath" {
				t.Fatalf("read %+v", info)
			}
			_, err = EditRunpath(f, func(old string) string {
				if old == "/old/rpath" {
					return ""
				}
				return "$ORIGIN/lib"
			})
			if err != nil {
				t.Fatal(err)
			}
			im, err := parse(f)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := im.lookup(elf.DT_RPATH); ok {
				t.Error("DT_RPATH is there still")
			}
			entry := uint64(im.dynSize())
			if v, _ := im.lookup(elf.DT_MIPS_RLD_MAP_REL); v != 1000+entry {
				t.Errorf("the relative entry is %d, want %d", v, 1000+entry)
			}
			if info, err := Read(f); err != nil || info.Runpath != "$ORIGIN/lib" || info.Soname != "libown.so" {
				t.Errorf("after: %+v, %v", info, err)
			}
			for _, stale := range []string{"holder", "rpath", "usr"} {
				if bytes.Contains(f.b, []byte(stale)) {
					t.Errorf("%q is left in the file", stale)
				}
			}
		})
	}
}

func TestSharedStrings(t *testing.T) {
	const strs = table("\x00xx/prefix/of/64/bytes/libown.so\x00")
	path := strs.at("/prefix/of/64/bytes/libown.so")
	object := func(dyn ...dynamic) *memory {
		return &memory{synthetic{flavour: flavours()[0], strings: string(strs), symbols: []uint32{0},
			dyn: append(dyn, dynamic{elf.DT_RUNPATH, path})}.bytes()}
	}
	tail := dynamic{elf.DT_SONAME, strs.at("libown.so")}
	head := dynamic{elf.DT_SONAME, strs.at("xx/prefix/of/64/bytes/libown.so")}
	for _, c := range []struct {
		name  string
		other dynamic
		value string
		want  bool // success
	}{
		{"short beside a shared end", tail, "$ORIGIN", true},
		{"up to the NUL", tail, "/prefix/of/64/bytes", true},
		{"NUL would hit the shared end", tail, "/prefix/of/64/bytes/", false},
		{"same length, same end", tail, "/opt/x////////bytes/libown.so", true},
		{"another end", tail, "/opt/x////////bytes/libxxx.so", false},
		{"inside another string", head, "$ORIGIN", false},
		{"removed beside a shared end", tail, "", true},
		{"removed inside another string", head, "", true},
		{"too long", tail, strings.Repeat("x", 30), false},
		{"NUL", tail, "a\x00b", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := object(c.other)
			before := bytes.Clone(f.b)
			_, err := EditRunpath(f, func(string) string { return c.value })
			if (err == nil) != c.want {
				t.Fatalf("error %v, want success %v", err, c.want)
			}
			if err != nil && !bytes.Equal(before, f.b) {
				t.Error("a failed edit changed the file")
			}
			info, err := Read(f)
			wantSoname := strings.TrimRight(string(strs[c.other.val:]), "\x00")
			if err != nil || info.Soname != wantSoname {
				t.Errorf("soname %q, want %q; %v", info.Soname, wantSoname, err)
			}
			if c.want && info.Runpath != c.value {
				t.Errorf("runpath %q, want %q", info.Runpath, c.value)
			}
		})
	}
}

// FuzzRead wants an error or an answer of damaged files, and that an edit that
// succeeds can be read back.
func FuzzRead(f *testing.F) {
	const strs = "\x00libc.so.6\x00/place/holder/lib\x00"
	for _, fl := range flavours() {
		whole := synthetic{flavour: fl, strings: strs, symbols: []uint32{0, 1},
			dyn: []dynamic{{elf.DT_NEEDED, 1}, {elf.DT_RUNPATH, 11}}}.bytes()
		f.Add(whole)
		for _, n := range []int{0, 4, 16, 50, 70, 200, len(whole) - 1} {
			f.Add(whole[:min(n, len(whole))])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Read(bytes.NewReader(b)); err != nil {
			return
		}
		m := &memory{bytes.Clone(b)}
		changed, err := EditRunpath(m, func(string) string { return "x" })
		if err != nil || !changed {
			if !bytes.Equal(m.b, b) {
				t.Fatal("a file was changed by an edit that failed")
			}
		}
	})
}
