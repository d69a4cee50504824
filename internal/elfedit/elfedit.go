// Package elfedit reads what the dynamic loader reads of an ELF file, and edits
// its library search path (DT_RUNPATH and the older DT_RPATH) in place: no byte
// moves, so nothing else in the file has to be understood.
//
// It follows program headers, as the loader does, and reads sizes and offsets
// as claims to be checked: a truncated or hostile file is an error, never a
// panic or a large allocation. debug/elf promises neither (its documentation
// says that it is not hardened), so only its types and constants are used.
package elfedit

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrNotELF says that a file doesn't begin like an ELF file.
var ErrNotELF = errors.New("not an ELF file")

// FormatError says that a file begins like ELF and can't be read as such.
type FormatError struct{ Reason string }

func (e *FormatError) Error() string { return "malformed ELF file: " + e.Reason }

// Info is what an ELF file tells the dynamic loader. Strings that the file
// doesn't have are empty.
type Info struct {
	Class   elf.Class
	Machine elf.Machine
	Type    elf.Type
	// Interp is the path of the dynamic loader that a program asks for.
	Interp string
	// Soname is the library's own name.
	Soname string
	// Needed lists the names of the libraries to load, in the file's order.
	Needed []string
	// Rpath and Runpath are colon-separated directories to look for them in.
	Rpath, Runpath string
	// VersionNeeds lists the symbol versions that the file asks of each library.
	VersionNeeds []VersionNeed
}

// VersionNeed names the symbol versions that are needed of one library.
type VersionNeed struct {
	Library  string
	Versions []string
}

// ReadFile reads the file at path. A file that isn't ELF gives ErrNotELF, one
// that is damaged a *FormatError.
func ReadFile(path string) (*Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// Read is ReadFile for any reader.
func Read(r io.ReaderAt) (*Info, error) {
	im, err := parse(r)
	if err != nil {
		return nil, err
	}
	info := &Info{Class: im.class, Machine: im.machine, Type: im.typ}
	if info.Interp, err = im.interp(); err != nil {
		return nil, err
	}
	for _, d := range im.dyn {
		if !namesString(d.tag) {
			continue
		}
		s, err := im.text(d.val)
		if err != nil {
			return nil, err
		}
		switch d.tag {
		case elf.DT_NEEDED:
			info.Needed = append(info.Needed, s)
		case elf.DT_SONAME:
			info.Soname = s
		case elf.DT_RPATH:
			info.Rpath = s
		case elf.DT_RUNPATH:
			info.Runpath = s
		}
	}
	needs, err := im.verneeds()
	if err != nil {
		return nil, err
	}
	for _, n := range needs {
		need, err := im.versionNeed(n)
		if err != nil {
			return nil, err
		}
		info.VersionNeeds = append(info.VersionNeeds, need)
	}
	return info, nil
}

func (im *image) versionNeed(n verneed) (need VersionNeed, err error) {
	if need.Library, err = im.text(uint64(n.file)); err != nil {
		return need, err
	}
	for _, name := range n.names {
		v, err := im.text(uint64(name))
		if err != nil {
			return need, err
		}
		need.Versions = append(need.Versions, v)
	}
	return need, nil
}
