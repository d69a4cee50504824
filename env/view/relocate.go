package view

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/envbuild/envbuild/internal/elfedit"
)

// maxShebang is what kernels before 5.1 read of a script's first line.
const maxShebang = 127

// relocator replaces placeholders by real prefixes.
type relocator struct{ rewrites []Rewrite }

// file returns content with the prefixes rewritten where the kind of the file
// allows it. What it had to leave is the proof's to find.
func (r relocator) file(it *item, content []byte) ([]byte, error) {
	switch {
	case isText(content):
		if err := r.checkShebang(it, content); err != nil {
			return nil, err
		}
		return r.text(content), nil
	case it.binary:
		return r.padded(it.Path, content)
	case bytes.HasPrefix(content, []byte("\x7fELF")):
		return r.searchPath(it.Path, content)
	}
	return content, nil
}

func (r relocator) text(b []byte) []byte {
	for _, rw := range r.rewrites {
		if bytes.Contains(b, []byte(rw.From)) {
			b = bytes.ReplaceAll(b, []byte(rw.From), []byte(rw.To))
		}
	}
	return b
}

// target rewrites what a symlink points at.
func (r relocator) target(s string) string { return string(r.text([]byte(s))) }

// padded overwrites prefixes without moving a byte: "/opt/x" with as many
// slashes as the placeholder was longer. So the lengths that a compiler knows
// of C strings stay right.
func (r relocator) padded(name string, b []byte) ([]byte, error) {
	for _, rw := range r.rewrites {
		if !bytes.Contains(b, []byte(rw.From)) {
			continue
		}
		room := len(rw.From) - len(rw.To)
		if room < 0 {
			problem := fmt.Sprintf("it has %d bytes, and a binary file has room for %d", len(rw.To), len(rw.From))
			return nil, &PrefixError{Path: name, Prefix: rw.To, Problem: problem, Max: len(rw.From)}
		}
		b = bytes.ReplaceAll(b, []byte(rw.From), []byte(rw.To+strings.Repeat("/", room)))
	}
	return b, nil
}

// searchPath rewrites the library search path of an ELF file and nothing else
// of it. It is padded as well: a linker may have put another string into the
// end of it.
func (r relocator) searchPath(name string, content []byte) ([]byte, error) {
	image := memory(bytes.Clone(content))
	var failed error
	_, err := elfedit.EditRunpath(image, func(old string) string {
		path, err := r.padded(name, []byte(old))
		if err != nil {
			failed = err
			return old
		}
		return string(path)
	})
	var format *elfedit.FormatError
	if errors.As(err, &format) {
		return content, nil // no loader reads it either
	}
	if err := errors.Join(failed, err); err != nil {
		return nil, fmt.Errorf("relocate %s: %w", name, err)
	}
	return image, nil
}

// checkShebang fails if the kernel couldn't run the script with its prefix.
func (r relocator) checkShebang(it *item, content []byte) error {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	if !it.Executable() || !bytes.HasPrefix(line, []byte("#!")) {
		return nil
	}
	after := r.text(line)
	for _, rw := range r.rewrites {
		if !bytes.Contains(line, []byte(rw.From)) {
			continue
		}
		if strings.ContainsAny(rw.To, " \t") {
			return &PrefixError{Path: it.Path, Prefix: rw.To, Problem: "a script's first line can't name an interpreter whose path has spaces"}
		}
		if over := len(after) - maxShebang; over > 0 {
			problem := fmt.Sprintf("the script's first line would have %d bytes, and kernels before 5.1 read %d", len(after), maxShebang)
			return &PrefixError{Path: it.Path, Prefix: rw.To, Problem: problem, Max: max(len(rw.To)-over, 1)}
		}
	}
	return nil
}

// memory is a file of fixed size in memory.
type memory []byte

// ReadAt implements io.ReaderAt.
func (m memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt; it can't make the file longer.
func (m memory) WriteAt(p []byte, off int64) (int, error) {
	if off > int64(len(m)) || int64(len(p)) > int64(len(m))-off {
		return 0, io.ErrShortWrite
	}
	return copy(m[off:], p), nil
}
