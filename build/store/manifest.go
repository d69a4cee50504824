package store

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
)

// Manifest says what an output's tree contains, sorted by path bytewise, so that
// a directory stands before what it holds. It maps onto the Directory messages of
// the Remote Execution API: there are no times and no mode bits but the
// executable one. A hardlink is a FileNode there, with the link as an extra.
type Manifest struct{ Entries []tree.Entry }

// manifestHeader begins an encoded manifest and names its format.
const manifestHeader = "envbuild-manifest-1\n"

// ID names the output by its content.
func (m *Manifest) ID() digest.ID { return manifestID(m.Encode()) }

func manifestID(encoded []byte) digest.ID {
	h := digest.NewHasher("output")
	h.Field("manifest", string(encoded))
	return h.ID()
}

// Entry returns the entry at the path.
func (m *Manifest) Entry(path string) (tree.Entry, bool) { return tree.Find(m.Entries, path) }

// Encode writes the manifest in its only form: after a header one line for each
// entry,
//
//	d PATH
//	f x|- SIZE SHA256 PATH
//	l PATH TARGET
//	h PATH TARGET
//
// with every byte of a path that is not printable ASCII, a space or a percent
// sign written as %XX.
func (m *Manifest) Encode() []byte {
	b := []byte(manifestHeader)
	for _, e := range m.Entries {
		b = append(b, letter(e.Kind), ' ')
		switch e.Kind {
		case tree.Dir:
			b = appendEscaped(b, e.Path)
		case tree.File:
			mark := "- "
			if e.Executable() {
				mark = "x "
			}
			b = append(b, mark...)
			b = strconv.AppendInt(b, e.Size, 10)
			b = append(b, ' ')
			b = append(b, e.SHA256.String()...)
			b = append(b, ' ')
			b = appendEscaped(b, e.Path)
		case tree.Symlink, tree.Hardlink:
			b = appendEscaped(b, e.Path)
			b = append(b, ' ')
			b = appendEscaped(b, e.Target)
		}
		b = append(b, '\n')
	}
	return b
}

// ParseManifest reads what Encode writes and nothing else: a manifest has one
// encoding only. The errors name the line.
func ParseManifest(data []byte) (*Manifest, error) {
	rest, ok := bytes.CutPrefix(data, []byte(manifestHeader))
	if !ok {
		return nil, errors.New("manifest: unknown header")
	}
	m := &Manifest{}
	number := 1
	for line := range strings.Lines(string(rest)) {
		number++
		e, err := parseEntry(line)
		if err == nil {
			err = m.add(e)
		}
		if err != nil {
			return nil, fmt.Errorf("manifest: line %d: %w", number, err)
		}
	}
	if !bytes.Equal(m.Encode(), data) {
		return nil, errors.New("manifest: not in canonical form")
	}
	return m, nil
}

// letter stands for a kind in an encoded manifest.
func letter(k tree.Kind) byte {
	switch k {
	case tree.Dir:
		return 'd'
	case tree.Symlink:
		return 'l'
	case tree.Hardlink:
		return 'h'
	}
	return 'f'
}

// parseKind reads the word that an encoded entry begins with, and says how many
// fields there are then.
func parseKind(word string) (k tree.Kind, fields int, err error) {
	switch word {
	case "d":
		return tree.Dir, 2, nil
	case "f":
		return tree.File, 5, nil
	case "l":
		return tree.Symlink, 3, nil
	case "h":
		return tree.Hardlink, 3, nil
	}
	return 0, 0, fmt.Errorf("unknown kind %q", word)
}

func parseEntry(line string) (e tree.Entry, err error) {
	line, ok := strings.CutSuffix(line, "\n")
	if !ok {
		return e, errors.New("the last line has no end")
	}
	fields := strings.Split(line, " ")
	var want int
	if e.Kind, want, err = parseKind(fields[0]); err != nil {
		return e, err
	}
	if want != len(fields) {
		return e, fmt.Errorf("an entry of the kind %q can't have %d fields", fields[0], len(fields))
	}
	switch e.Kind {
	case tree.Dir:
		e.Mode = executableMode
	case tree.File:
		e.Mode = outputMode(fields[1] == "x")
		if e.Size, err = strconv.ParseInt(fields[2], 10, 64); err != nil || e.Size < 0 {
			return e, fmt.Errorf("%q is not a valid size", fields[2])
		}
		if e.SHA256, err = digest.Parse(fields[3]); err != nil {
			return e, err
		}
		fields[1] = fields[4]
	case tree.Symlink, tree.Hardlink:
		if e.Target, err = unescape(fields[2]); err != nil {
			return e, err
		}
	}
	e.Path, err = unescape(fields[1])
	return e, err
}

// add appends an entry if it can stand there: in order, in a directory that has
// come before, and never outside of the tree.
func (m *Manifest) add(e tree.Entry) error {
	if e.Path == "" || e.Path != path.Clean(e.Path) || path.IsAbs(e.Path) || strings.HasPrefix(e.Path+"/", "../") || e.Path == "." {
		return fmt.Errorf("%q is not a clean path inside the tree", e.Path)
	}
	if n := len(m.Entries); n > 0 && m.Entries[n-1].Path >= e.Path {
		return fmt.Errorf("%q is out of order", e.Path)
	}
	if dir := path.Dir(e.Path); dir != "." {
		if parent, ok := m.Entry(dir); !ok || parent.Kind != tree.Dir {
			return fmt.Errorf("%q is in no directory", e.Path)
		}
	}
	switch e.Kind {
	case tree.Symlink:
		if e.Target == "" {
			return fmt.Errorf("the link %q leads nowhere", e.Path)
		}
	case tree.Hardlink:
		first, ok := m.Entry(e.Target)
		if !ok || first.Kind != tree.File {
			return fmt.Errorf("%q is a name of %q, which is not a file before it", e.Path, e.Target)
		}
		e.Mode, e.Size, e.SHA256 = first.Mode, first.Size, first.SHA256
	}
	m.Entries = append(m.Entries, e)
	return nil
}

func appendEscaped(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '%' {
			b = append(b, c)
		} else {
			b = fmt.Appendf(b, "%%%02X", c)
		}
	}
	return b
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return noNUL(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends in the middle of an escape", s)
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q has an invalid escape", s)
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return noNUL(b.String())
}

func noNUL(s string) (string, error) {
	if strings.Contains(s, "\x00") {
		return "", fmt.Errorf("%q has a NUL", s)
	}
	return s, nil
}
