package shlibs

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/envbuild/envbuild/internal/elfedit"
)

// object is what matters here of an ELF file.
type object struct {
	ELF
	abi     abi
	needed  []string
	runpath []string
	// undefined are the symbols that it takes from others: name@version, or
	// name@Base.
	undefined []string
}

// abi tells apart files that can't be loaded together.
type abi struct {
	class   elf.Class
	data    elf.Data
	machine elf.Machine
}

// readObject reads a file. One that isn't ELF gives elfedit.ErrNotELF.
func readObject(f ELF) (*object, error) {
	// elfedit goes first: it is made for files that nobody vouches for.
	info, err := elfedit.ReadFile(f.Source)
	if err != nil {
		return nil, err
	}
	file, err := elf.Open(f.Source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Source, err)
	}
	defer file.Close()
	o := &object{ELF: f, abi: abi{info.Class, file.Data, info.Machine}, needed: info.Needed}
	search := info.Runpath
	if search == "" {
		search = info.Rpath
	}
	for dir := range strings.SplitSeq(search, ":") {
		if dir != "" {
			o.runpath = append(o.runpath, dir)
		}
	}
	if o.undefined, err = undefinedSymbols(file); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Source, err)
	}
	return o, nil
}

func undefinedSymbols(file *elf.File) ([]string, error) {
	symbols, err := file.DynamicSymbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	copied, err := copiedSymbols(file)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, s := range symbols {
		// DynamicSymbols leaves the null symbol out; relocations count it.
		if s.Section != elf.SHN_UNDEF && !copied[uint32(i+1)] || s.Name == "" {
			continue
		}
		version := s.Version
		if version == "" {
			version = "Base"
		}
		out = append(out, s.Name+"@"+version)
	}
	return out, nil
}

// copiedSymbols returns the indexes of a program's symbols that are another
// library's variables: the loader copies their first value.
func copiedSymbols(file *elf.File) (map[uint32]bool, error) {
	kind, ok := map[elf.Machine]uint32{
		elf.EM_X86_64: uint32(elf.R_X86_64_COPY), elf.EM_386: uint32(elf.R_386_COPY),
		elf.EM_AARCH64: uint32(elf.R_AARCH64_COPY), elf.EM_ARM: uint32(elf.R_ARM_COPY),
		elf.EM_RISCV: uint32(elf.R_RISCV_COPY), elf.EM_PPC64: uint32(elf.R_PPC64_COPY),
		elf.EM_S390: uint32(elf.R_390_COPY), elf.EM_LOONGARCH: uint32(elf.R_LARCH_COPY),
	}[file.Machine]
	copied := map[uint32]bool{}
	if !ok {
		return copied, nil
	}
	for _, s := range file.Sections {
		if s.Type != elf.SHT_RELA && s.Type != elf.SHT_REL || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		b, err := s.Data()
		if err != nil {
			return nil, err
		}
		for ; len(b) >= relocationSize(file.Class, s.Type); b = b[relocationSize(file.Class, s.Type):] {
			if index, t := relocation(file.Class, file.ByteOrder, b); t == kind {
				copied[index] = true
			}
		}
	}
	return copied, nil
}

// relocationSize is the size of an entry in bytes: offset, info, and in RELA an
// addend, a word each.
func relocationSize(class elf.Class, t elf.SectionType) int {
	words := 2
	if t == elf.SHT_RELA {
		words = 3
	}
	if class == elf.ELFCLASS64 {
		return 8 * words
	}
	return 4 * words
}

func relocation(class elf.Class, order binary.ByteOrder, b []byte) (index, kind uint32) {
	if class == elf.ELFCLASS64 {
		info := order.Uint64(b[8:])
		return elf.R_SYM64(info), elf.R_TYPE64(info)
	}
	info := order.Uint32(b[4:])
	return elf.R_SYM32(info), elf.R_TYPE32(info)
}
