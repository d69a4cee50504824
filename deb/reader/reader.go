// Package reader reads Debian packages: the control members and the list of
// files. What a file claims of itself is checked while reading; nothing is
// unpacked to the disk.
package reader

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/envbuild/envbuild/deb/internal/ar"
)

// ErrFormat says that a file is no Debian package, or a damaged one.
var ErrFormat = errors.New("not a Debian package, or a damaged one")

// maxControl is the most that the control members may hold together; maxMemory
// is what zstd may ask for. Real packages need a hundredth. The xz package has no
// such bound: a hostile header can make it reserve 4 GiB of address space, of
// which it touches what the data fills.
const (
	maxControl = 64 << 20
	maxMemory  = 256 << 20
)

// Package is what a package says of itself.
type Package struct {
	// Fields are those of the control file, in its order.
	Fields []Field
	// Members are the other control members by name: "md5sums", "postinst".
	Members map[string][]byte
	// Files are the entries of the data, in its order.
	Files []File
}

// Field is one of the control file. The value has no leading space; lines that
// continue it keep theirs.
type Field struct{ Name, Value string }

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
	// Target is what a symbolic link says, or the absolute path that a hardlink
	// is another name of.
	Target   string
	Hardlink bool
}

// Field returns the value of a control field, or "". Names are compared without
// regard to case.
func (p *Package) Field(name string) string {
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Read reads a package. visit, unless it is nil, is called with each file as it
// is met, and its content. An error of visit ends the reading and is returned.
func Read(r io.Reader, visit func(File, io.Reader) error) (*Package, error) {
	archive, err := ar.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	p := &Package{Members: map[string][]byte{}}
	for _, want := range []string{"debian-binary", "control.tar", "data.tar"} {
		if err := p.readMember(archive, want, visit); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// readMember reads the next member, passing over those that begin with an
// underscore, as deb(5) wants.
func (p *Package) readMember(archive *ar.Reader, want string, visit func(File, io.Reader) error) error {
	var h ar.Header
	for h.Name == "" || strings.HasPrefix(h.Name, "_") {
		var err error
		if h, err = archive.Next(); err != nil {
			return fmt.Errorf("%w: no member %s: %w", ErrFormat, want, err)
		}
		if h.Name == "" {
			return fmt.Errorf("%w: a member without a name", ErrFormat)
		}
	}
	if h.Name == want && want == "debian-binary" {
		b, err := io.ReadAll(io.LimitReader(archive, 64))
		if err != nil || !strings.HasPrefix(string(b), "2.") {
			return fmt.Errorf("%w: format version %q", ErrFormat, b)
		}
		return nil
	}
	if !strings.HasPrefix(h.Name, want) {
		return fmt.Errorf("%w: member %q instead of %s", ErrFormat, h.Name, want)
	}
	plain, done, err := decompress(strings.TrimPrefix(h.Name, want), archive)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, h.Name, err)
	}
	defer done()
	if want == "control.tar" {
		err = p.readControl(tar.NewReader(plain))
	} else {
		err = p.readData(tar.NewReader(plain), visit)
	}
	if err != nil {
		return err
	}
	// The archive ends before the stream, whose checksum is at its end.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, h.Name, err)
	}
	return nil
}

func decompress(ending string, r io.Reader) (plain io.Reader, done func(), err error) {
	none := func() {}
	switch ending {
	case "":
		return r, none, nil
	case ".gz":
		plain, err = gzip.NewReader(r)
		return plain, none, err
	case ".xz":
		plain, err = xz.ReaderConfig{DictCap: 1 << 16}.NewReader(r)
		return plain, none, err
	case ".bz2":
		return bzip2.NewReader(r), none, nil
	case ".lzma":
		plain, err = lzma.NewReader(r)
		return plain, none, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMemory))
		if err != nil {
			return nil, none, err
		}
		return z, z.Close, nil
	}
	return nil, none, fmt.Errorf("unknown compression %q", ending)
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

// ParseControl reads one paragraph of deb822(5).
func ParseControl(text string) ([]Field, error) {
	var out []Field
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "" || line[0] == '#':
		case (line[0] == ' ' || line[0] == '\t') && len(out) > 0:
			out[len(out)-1].Value += "\n" + line
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok || name == "" || strings.ContainsAny(name, " \t") {
				return nil, fmt.Errorf("%w: control line %q", ErrFormat, line)
			}
			out = append(out, Field{name, strings.TrimLeft(value, " \t")})
		}
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
