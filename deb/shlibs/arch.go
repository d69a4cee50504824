package shlibs

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/envbuild/envbuild/internal/elfedit"
)

// ArchError says that a package has compiled files for two architectures, or for
// one that Debian has no name for.
type ArchError struct {
	File, Arch, Other string
}

func (e *ArchError) Error() string {
	if e.Other == "" {
		return fmt.Sprintf("%s is compiled for a machine that Debian has no name for", e.File)
	}
	return fmt.Sprintf("%s is compiled for %s, the files before it for %s", e.File, e.Arch, e.Other)
}

// Hint says what to do.
func (e *ArchError) Hint() string {
	return "leave the file out: a package is for one architecture"
}

// Arch returns Debian's name of the architecture that files are compiled for, or
// "" if none of them is compiled.
func Arch(files []ELF) (string, error) {
	found := ""
	for _, f := range files {
		a, err := readABI(f.Source)
		if errors.Is(err, elfedit.ErrNotELF) {
			continue
		}
		if err != nil {
			return "", err
		}
		arch := a.debian()
		if arch == "" {
			return "", &ArchError{File: f.Path}
		}
		if found != "" && arch != found {
			return "", &ArchError{f.Path, arch, found}
		}
		found = arch
	}
	return found, nil
}

// debian returns Debian's name, or "" if there is none. 32-bit ARM is taken for
// armhf, which all but the oldest of its machines run.
func (a abi) debian() string {
	return map[abi]string{
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_X86_64}:    "amd64",
		{elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_X86_64}:    "x32",
		{elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_386}:       "i386",
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_AARCH64}:   "arm64",
		{elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_ARM}:       "armhf",
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_RISCV}:     "riscv64",
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_PPC64}:     "ppc64el",
		{elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_PPC64}:     "ppc64",
		{elf.ELFCLASS64, elf.ELFDATA2MSB, elf.EM_S390}:      "s390x",
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_MIPS}:      "mips64el",
		{elf.ELFCLASS32, elf.ELFDATA2LSB, elf.EM_MIPS}:      "mipsel",
		{elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EM_LOONGARCH}: "loong64",
	}[a]
}

// readABI reads the head of an ELF file. One that isn't ELF gives
// elfedit.ErrNotELF.
func readABI(file string) (abi, error) {
	f, err := os.Open(file)
	if err != nil {
		return abi{}, err
	}
	defer f.Close()
	var b [20]byte // up to and with e_machine
	_, err = io.ReadFull(f, b[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && string(b[:4]) != elf.ELFMAG {
		return abi{}, elfedit.ErrNotELF
	}
	if err != nil {
		return abi{}, err
	}
	a := abi{class: elf.Class(b[elf.EI_CLASS]), data: elf.Data(b[elf.EI_DATA])}
	order := binary.ByteOrder(binary.LittleEndian)
	if a.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	a.machine = elf.Machine(order.Uint16(b[18:]))
	return a, nil
}
