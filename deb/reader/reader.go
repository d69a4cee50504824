// Package reader reads Debian packages: the control members and the list of
// files. What a file claims of itself is checked while reading; nothing is
// unpacked to the disk.
package reader

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb/internal/ar"
	"github.com/envbuild/envbuild/internal/deb822"
)

// ErrFormat says that a file is not a Debian package, or a damaged one.
var ErrFormat = errors.New("not a Debian package, or a damaged one")

// maxControl is the most that the control members may hold together. Real
// packages need a hundredth.
const maxControl = 64 << 20

// Package is what a package says of itself.
type Package struct {
	// Fields are those of the control file, in its order.
	Fields []Field
	// Members are the other control members by name: "md5sums", "postinst".
	Members map[string][]byte
	// Files are the entries of the data, in its order.
	Files []File
}

// Field is one of the control file.
type Field = deb822.Field

// File is an entry of a package.
type File struct {
	// Path is absolute and clean.
	Path string
	// Mode has the type and the permissions.
	Mode  fs.FileMode
	Size  int64
	MTime time.Time
	// Owner and Group are names.
	Owner, Group string
	// Target is what a symlink says, or the absolute path that a hardlink
	// is another name of.
	Target   string
	Hardlink bool
}

// Field returns the value of a control field, or "". Names are compared without
// regard to case.
func (p *Package) Field(name string) string {
	return deb822.Paragraph(p.Fields).Value(name)
}

// Reader reads packages.
type Reader struct {
	// XZ is the path of the program xz; if it is empty, such data is read in this
	// process, which takes five times as long.
	XZ string
}

// Read reads a package to the end of its data. visit, unless it is nil, is called
// with each file as it is met, and its content. An error of visit ends the reading
// and is returned. r is not used any more when Read returns.
func (rd Reader) Read(r io.Reader, visit func(File, io.Reader) error) (*Package, error) {
	p, archive, err := start(r)
	if err != nil {
		return nil, err
	}
	return p, readMember(archive, "data.tar", rd.XZ, func(t *tar.Reader) error { return p.readData(t, visit) })
}

// start reads the first two members.
func start(r io.Reader) (*Package, *ar.Reader, error) {
	archive, err := ar.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := readVersion(archive); err != nil {
		return nil, nil, err
	}
	p := &Package{Members: map[string][]byte{}}
	return p, archive, readMember(archive, "control.tar", "", p.readControl)
}

// next returns the header of the next member, passing over those that begin with
// an underscore, as deb(5) wants.
func next(archive *ar.Reader, want string) (ar.Header, error) {
	for {
		h, err := archive.Next()
		switch {
		case err != nil:
			return h, fmt.Errorf("%w: no member %s: %w", ErrFormat, want, err)
		case h.Name == "":
			return h, fmt.Errorf("%w: a member without a name", ErrFormat)
		case h.Name[0] == '_':
		case !strings.HasPrefix(h.Name, want):
			return h, fmt.Errorf("%w: member %q instead of %s", ErrFormat, h.Name, want)
		default:
			return h, nil
		}
	}
}

func readVersion(archive *ar.Reader) error {
	h, err := next(archive, "debian-binary")
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(archive, 64))
	if err != nil || h.Name != "debian-binary" || !strings.HasPrefix(string(b), "2.") {
		return fmt.Errorf("%w: member %s is %q", ErrFormat, h.Name, b)
	}
	return nil
}

// readMember reads the next member, which is to be that tar, compressed or not,
// and all that follows its content. xz is the path of the program that may read it.
func readMember(archive *ar.Reader, want, xz string, read func(*tar.Reader) error) error {
	h, err := next(archive, want)
	if err != nil {
		return err
	}
	plain, err := decompress(strings.TrimPrefix(h.Name, want), archive, xz)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, h.Name, err)
	}
	if err := read(tar.NewReader(plain)); err != nil {
		plain.abort()
		return err
	}
	if err := plain.end(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, h.Name, err)
	}
	return nil
}

func (p *Package) readControl(t *tar.Reader) error {
	left := int64(maxControl)
	found := false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: control.tar: %w", ErrFormat, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(t, left+1))
		if err != nil {
			return fmt.Errorf("%w: control.tar: %w", ErrFormat, err)
		}
		if left -= int64(len(b)); left < 0 {
			return fmt.Errorf("%w: its control members have more than %d bytes", ErrFormat, int64(maxControl))
		}
		if name := path.Clean(h.Name); name != "control" {
			p.Members[name] = b
			continue
		}
		found = true
		if p.Fields, err = ParseControl(string(b)); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%w: it has no control file", ErrFormat)
	}
	return nil
}

// ParseControl reads one paragraph of deb822(5). Empty lines don't end it.
func ParseControl(text string) ([]Field, error) {
	var out []Field
	for fields, err := range deb822.Paragraphs(text) {
		if err != nil {
			return nil, fmt.Errorf("%w: control file: %w", ErrFormat, err)
		}
		out = append(out, fields...)
	}
	return out, nil
}

func (p *Package) readData(t *tar.Reader, visit func(File, io.Reader) error) error {
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: data.tar: %w", ErrFormat, err)
		}
		f := File{
			Path: path.Join("/", h.Name), Mode: h.FileInfo().Mode(), Size: h.Size, MTime: h.ModTime.UTC(),
			Owner: h.Uname, Group: h.Gname, Target: h.Linkname,
		}
		if h.Typeflag == tar.TypeLink {
			f.Hardlink, f.Target = true, path.Join("/", h.Linkname)
		}
		p.Files = append(p.Files, f)
		if visit == nil {
			continue
		}
		if err := visit(f, t); err != nil {
			return err
		}
	}
}
