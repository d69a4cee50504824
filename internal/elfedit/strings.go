package elfedit

import (
	"bytes"
	"debug/elf"
)

// maxVersions bounds the records of a version table; glibc's own has 40.
const maxVersions = 1 << 16

// namesString reports whether a dynamic entry's value is an offset in the
// dynamic string table.
func namesString(tag elf.DynTag) bool {
	switch tag {
	case elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH,
		elf.DT_AUXILIARY, elf.DT_FILTER, elf.DT_CONFIG, elf.DT_DEPAUDIT, elf.DT_AUDIT:
		return true
	}
	return false
}

// verneed is a record of the table of needed versions, as string offsets.
type verneed struct {
	file  uint32
	names []uint32
}

// The records of the version tables are the same in both classes.
type (
	rawVerneed struct {
		Version, Count  uint16
		File, Aux, Next uint32
	}
	rawVernaux struct {
		Hash         uint32
		Flags, Other uint16
		Name, Next   uint32
	}
	rawVerdef struct {
		Version, Flags, Index, Count uint16
		Hash, Aux, Next              uint32
	}
	rawVerdaux struct{ Name, Next uint32 }
)

func (im *image) verneeds() (needs []verneed, err error) {
	off, count, err := im.versionTable(elf.DT_VERNEED, elf.DT_VERNEEDNUM)
	if err != nil {
		return nil, err
	}
	budget := maxVersions
	for range count {
		var n rawVerneed
		if err := im.decode(off, &n); err != nil {
			return nil, err
		}
		need := verneed{file: n.File}
		aux := off + uint64(n.Aux)
		for range n.Count {
			if budget--; budget < 0 {
				return nil, malformed("more than %d needed versions", maxVersions)
			}
			var a rawVernaux
			if err := im.decode(aux, &a); err != nil {
				return nil, err
			}
			need.names = append(need.names, a.Name)
			aux += uint64(a.Next)
		}
		needs = append(needs, need)
		off += uint64(n.Next)
	}
	return needs, nil
}

// verdefs returns the string offsets of the versions that the file defines.
func (im *image) verdefs() (names []uint32, err error) {
	off, count, err := im.versionTable(elf.DT_VERDEF, elf.DT_VERDEFNUM)
	if err != nil {
		return nil, err
	}
	for range count {
		var d rawVerdef
		if err := im.decode(off, &d); err != nil {
			return nil, err
		}
		aux := off + uint64(d.Aux)
		for range d.Count {
			if len(names) == maxVersions {
				return nil, malformed("more than %d defined versions", maxVersions)
			}
			var a rawVerdaux
			if err := im.decode(aux, &a); err != nil {
				return nil, err
			}
			names = append(names, a.Name)
			aux += uint64(a.Next)
		}
		off += uint64(d.Next)
	}
	return names, nil
}

func (im *image) versionTable(table, num elf.DynTag) (off, count uint64, err error) {
	addr, ok := im.lookup(table)
	if !ok {
		return 0, 0, nil
	}
	if count, _ = im.lookup(num); count > maxVersions {
		return 0, 0, malformed("%d records in a version table", count)
	}
	off, err = im.offset(addr)
	return off, count, err
}

// symbolNames returns the string offsets of the dynamic symbols' names.
func (im *image) symbolNames() ([]uint32, error) {
	addr, ok := im.lookup(elf.DT_SYMTAB)
	if !ok {
		return nil, nil
	}
	size, err := im.symbolBytes(addr)
	if err != nil {
		return nil, err
	}
	off, err := im.offset(addr)
	if err != nil {
		return nil, err
	}
	b, err := im.bytes(off, size)
	if err != nil {
		return nil, err
	}
	entry := elf.Sym64Size
	if im.class == elf.ELFCLASS32 {
		entry = elf.Sym32Size
	}
	var names []uint32
	for ; len(b) >= entry; b = b[entry:] {
		names = append(names, im.order.Uint32(b)) // st_name is first in both classes
	}
	return names, nil
}

// symbolBytes returns the size of the symbol table at addr. The loader never
// needs it, so only the section header has it. In a file without sections
// the table is taken to reach to the strings, behind it in what every linker
// makes: strings that only look like names make the editor careful, not wrong. (DT_GNU_HASH
// doesn't count undefined symbols when there are no others.)
func (im *image) symbolBytes(addr uint64) (uint64, error) {
	sections, err := im.sections()
	if err != nil {
		return 0, err
	}
	for _, s := range sections {
		if elf.SectionType(s.Type) == elf.SHT_DYNSYM && s.Addr == addr {
			return s.Size, nil
		}
	}
	strtab, _ := im.lookup(elf.DT_STRTAB)
	if strtab < addr {
		return 0, malformed("the size of the symbol table can't be told")
	}
	return strtab - addr, nil
}

func (im *image) sections() (sections []elf.Section64, err error) {
	h := &im.header
	if im.class == elf.ELFCLASS64 {
		return readTable[elf.Section64](im, h.Shoff, h.Shentsize, int(h.Shnum))
	}
	narrow, err := readTable[elf.Section32](im, h.Shoff, h.Shentsize, int(h.Shnum))
	for _, s := range narrow {
		sections = append(sections, elf.Section64{Type: s.Type, Addr: uint64(s.Addr), Size: uint64(s.Size)})
	}
	return sections, err
}

// references returns the offsets of all strings that something other than the
// search path at except uses.
func (im *image) references(except uint64) ([]uint32, error) {
	refs, err := im.symbolNames()
	if err != nil {
		return nil, err
	}
	for _, d := range im.dyn {
		isPath := d.tag == elf.DT_RPATH || d.tag == elf.DT_RUNPATH
		if namesString(d.tag) && (!isPath || d.val != except) {
			refs = append(refs, uint32(d.val))
		}
	}
	needs, err := im.verneeds()
	if err != nil {
		return nil, err
	}
	for _, n := range needs {
		refs = append(append(refs, n.file), n.names...)
	}
	defs, err := im.verdefs()
	return append(refs, defs...), err
}

// usedBytes tells for each byte of the string table from off to off+size
// whether a string of refs covers it. Linkers store a string that ends another
// one only once, as the other's tail.
func (im *image) usedBytes(refs []uint32, off, size uint64) []bool {
	used := make([]bool, size)
	for _, r := range refs {
		start := uint64(r)
		if start >= off+size || start == 0 {
			continue // 0 is the empty string
		}
		n := bytes.IndexByte(im.strtab[start:], 0)
		end := uint64(len(im.strtab))
		if n >= 0 {
			end = start + uint64(n) + 1
		}
		for i := max(start, off); i < min(end, off+size); i++ {
			used[i-off] = true
		}
	}
	return used
}
