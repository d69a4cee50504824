package elfedit

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// File is an ELF file open for editing, such as an *os.File.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// TooLongError says that a new search path has no room where the old one is.
type TooLongError struct{ Old, New string }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the search path %q of %d bytes can't be replaced by %q of %d", e.Old, len(e.Old), e.New, len(e.New))
}

// SharedError says that the search path can't be overwritten, since the linker
// put another string of the file into the same bytes.
type SharedError struct{ Old, New string }

func (e *SharedError) Error() string {
	return fmt.Sprintf("the search path %q can't become %q: it shares its bytes with another string of the file", e.Old, e.New)
}

// EditRunpath replaces the values of DT_RUNPATH and DT_RPATH by what edit makes
// of them, and removes the entry for which that is "". The new value takes the
// place of the old one, whose remaining bytes become NUL as far as no other
// string uses them. It reports whether it wrote anything. Before it writes it
// fails with ErrNotELF, a *FormatError, a *TooLongError or a *SharedError.
func EditRunpath(f File, edit func(old string) string) (bool, error) {
	im, err := parse(f)
	if err != nil {
		return false, err
	}
	patches := map[uint64][]byte{} // by offset in the string table
	kept := make([]dynamic, 0, len(im.dyn))
	changed := false
	for i, d := range im.dyn {
		if d.tag != elf.DT_RPATH && d.tag != elf.DT_RUNPATH {
			kept = append(kept, im.moved(d, i-len(kept)))
			continue
		}
		old, err := im.text(d.val)
		if err != nil {
			return false, err
		}
		value := edit(old)
		if value != "" {
			kept = append(kept, im.moved(d, i-len(kept)))
		}
		if value == old && value != "" {
			continue
		}
		changed = true
		if patches[d.val], err = im.patch(d.val, old, value); err != nil {
			return false, err
		}
	}
	if !changed {
		return false, nil
	}
	return true, im.write(f, patches, kept)
}

// patch returns the bytes that replace old at off in the string table.
func (im *image) patch(off uint64, old, value string) ([]byte, error) {
	if strings.IndexByte(value, 0) >= 0 {
		return nil, fmt.Errorf("the search path %q holds a NUL", value)
	}
	if len(value) > len(old) {
		return nil, &TooLongError{Old: old, New: value}
	}
	refs, err := im.references(off)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(old))
	copy(out, value)
	for i, used := range im.usedBytes(refs, off, uint64(len(old))) {
		if !used || out[i] == old[i] {
			continue
		}
		if value != "" && i <= len(value) {
			return nil, &SharedError{Old: old, New: value}
		}
		out[i] = old[i]
	}
	return out, nil
}

// moved is d as it must be when it stands that many entries further ahead.
// One kind of value counts from the entry's own address.
func (im *image) moved(d dynamic, entries int) dynamic {
	if im.machine == elf.EM_MIPS && d.tag == elf.DT_MIPS_RLD_MAP_REL {
		d.val += uint64(entries * im.dynSize())
	}
	return d
}

func (im *image) write(f File, patches map[uint64][]byte, kept []dynamic) error {
	for off, b := range patches {
		if _, err := f.WriteAt(b, im.strOff+int64(off)); err != nil {
			return err
		}
	}
	if len(kept) == len(im.dyn) {
		return nil
	}
	var b []byte
	for i := range im.dyn {
		var d dynamic // DT_NULL, where entries were removed
		if i < len(kept) {
			d = kept[i]
		}
		b = im.appendEntry(b, d)
	}
	_, err := f.WriteAt(b, im.dynOff)
	return err
}

func (im *image) appendEntry(b []byte, d dynamic) []byte {
	order := im.order.(binary.AppendByteOrder)
	if im.class == elf.ELFCLASS64 {
		return order.AppendUint64(order.AppendUint64(b, uint64(d.tag)), d.val)
	}
	return order.AppendUint32(order.AppendUint32(b, uint32(d.tag)), uint32(d.val))
}
