package repo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// key identifies a package in an index.
type key struct{ name, version, arch string }

func (k key) String() string { return k.name + " " + k.version + " " + k.arch }

// print is the key's fingerprint, by which tables know it.
func (k key) print() uint64 {
	sum := digest.Sum([]byte(k.name + "\x00" + k.version + "\x00" + k.arch))
	return binary.LittleEndian.Uint64(sum[:])
}

// pkg is a package file that was read.
type pkg struct {
	key
	content Content
	// path is where it came from, for messages.
	path string
	// xz is the path of the program that reads it faster, or empty.
	xz string
	// stanza is its paragraph of an index, with the empty line at its end.
	stanza []byte
	// section and files are for Contents.
	section string
	files   []string
}

// allArch is the architecture of packages that every architecture's index lists.
const allArch = "all"

// readPackages reads packages from files. xz is the path of that program, or empty.
func readPackages(ctx context.Context, xz string, paths []string) ([]*pkg, error) {
	out := make([]*pkg, len(paths))
	err := parallel.Each(ctx, maxParallel, len(paths), func(_ context.Context, i int) (err error) {
		out[i], err = readPackage(xz, paths[i], func() (io.ReadCloser, error) { return os.Open(paths[i]) })
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[key]*pkg{}
	for i, p := range out {
		first := seen[p.key]
		switch {
		case first == nil:
			seen[p.key] = p
		case first.content.SHA256 != p.content.SHA256:
			return nil, &PackageError{Path: p.path, Reason: fmt.Sprintf("it and %s are both %s, with other bytes", first.path, p.key),
				hint: "give what has changed a new version"}
		default:
			out[i] = nil
		}
	}
	return slices.DeleteFunc(out, func(p *pkg) bool { return p == nil }), nil
}

// readPackage reads a package in one go, and checks all of it.
func readPackage(xz, path string, open func() (io.ReadCloser, error)) (*pkg, error) {
	in, err := open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	h := digest.NewWriter(io.Discard)
	tee := io.TeeReader(in, h)
	d, err := reader.Reader{XZ: xz}.Read(tee, nil)
	if err != nil {
		return nil, &PackageError{Path: path, Reason: "can't be published", Err: err, hint: "build it again"}
	}
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return nil, &PackageError{Path: path, Reason: "can't be read", Err: err}
	}
	p := &pkg{path: path, xz: xz, content: Content{Size: h.Size(), SHA256: h.SHA256(), Open: open}}
	p.key = key{d.Field("Package"), d.Field("Version"), d.Field("Architecture")}
	p.section = d.Field("Section")
	if err := p.check(d); err != nil {
		return nil, &PackageError{Path: path, Reason: err.Error(), hint: "deb-control(5) and deb-version(7) say what is allowed"}
	}
	for _, f := range d.Files {
		if !f.Mode.IsDir() {
			p.files = append(p.files, f.Path)
		}
	}
	p.stanza = stanzaOf(d.Fields, poolName(p.key), p.content)
	return p, nil
}

// check guards indexes and file names: what is in a control file was written by
// others.
func (p *pkg) check(d *reader.Package) error {
	seen := map[string]bool{}
	for _, f := range d.Fields {
		name := strings.ToLower(f.Name)
		if seen[name] {
			return fmt.Errorf("its control file has two fields %s", f.Name)
		}
		seen[name] = true
		if strings.ContainsAny(f.Name+f.Value, "\x00\r\v\f") {
			return fmt.Errorf("its field %q holds control characters", f.Name)
		}
	}
	switch {
	case !validName(p.name):
		return fmt.Errorf("%q is not a valid package name", p.name)
	case !validVersion(p.version):
		return fmt.Errorf("%q is not a valid version", p.version)
	case !validArch(p.arch):
		return fmt.Errorf("%q is not a valid architecture", p.arch)
	case d.Field("Description") == "" || d.Field("Maintainer") == "":
		return errors.New("its control file has no Maintainer or no Description")
	}
	return nil
}

// ownFields are those that the index adds; a package's own are left out.
var ownFields = []string{"filename", "size", "md5sum", "sha1", "sha256", "sha512", "status"}

// stanzaOf writes a package's paragraph: Package first, then its control fields
// in their order, then where it is and what it hashes to.
func stanzaOf(fields []reader.Field, file string, c Content) []byte {
	var b bytes.Buffer
	line := func(f reader.Field) {
		b.WriteString(f.Name)
		b.WriteByte(':')
		if f.Value != "" && f.Value[0] != '\n' {
			b.WriteByte(' ')
		}
		b.WriteString(f.Value)
		b.WriteByte('\n')
	}
	for _, f := range fields {
		if strings.EqualFold(f.Name, "Package") {
			line(f)
		}
	}
	for _, f := range fields {
		if !strings.EqualFold(f.Name, "Package") && !slices.Contains(ownFields, strings.ToLower(f.Name)) {
			line(f)
		}
	}
	fmt.Fprintf(&b, "Filename: %s\nSize: %d\nSHA256: %s\n\n", file, c.Size, c.SHA256)
	return b.Bytes()
}

// stanza is what an index says of a package.
type stanza struct {
	key
	file   string
	size   int64
	sha256 digest.SHA256
	text   []byte
}

// parseStanza reads a paragraph that stanzaOf wrote.
func parseStanza(text []byte) (*stanza, error) {
	fields, err := reader.ParseControl(string(text))
	if err != nil {
		return nil, err
	}
	p := reader.Package{Fields: fields}
	s := &stanza{
		key:  key{p.Field("Package"), p.Field("Version"), p.Field("Architecture")},
		file: p.Field("Filename"), text: text,
	}
	if s.sha256, err = digest.Parse(p.Field("SHA256")); err != nil {
		return nil, err
	}
	if _, err := fmt.Sscanf(p.Field("Size"), "%d", &s.size); err != nil {
		return nil, fmt.Errorf("size %q", p.Field("Size"))
	}
	if !validName(s.name) || !validVersion(s.version) || !validArch(s.arch) {
		return nil, fmt.Errorf("package %q", s.key)
	}
	if s.file != path.Clean(s.file) || !strings.HasPrefix(s.file, poolDir) {
		return nil, fmt.Errorf("file name %q", s.file)
	}
	return s, nil
}

func validName(s string) bool {
	return len(s) >= 2 && len(s) <= 200 && isAlnum(s[0]) && isLower(s, "+-.")
}

func validArch(s string) bool { return s != "" && len(s) <= 60 && isAlnum(s[0]) && isLower(s, "-") }

// validVersion is more lenient than the policy, which wants a digit first, and
// stricter, as file names need: no colon behind the epoch.
func validVersion(s string) bool {
	if i := strings.IndexByte(s, ':'); i >= 0 {
		if i == 0 || strings.Trim(s[:i], "0123456789") != "" {
			return false
		}
		s = s[i+1:]
	}
	return s != "" && len(s) <= 200 && s[0] != '.' && s[0] != '-' && isLower(asciiLower(s), ".+~-")
}

func isLower(s, more string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && !strings.Contains(more, s[i:i+1]) {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// asciiLower leaves letters of other alphabets as they are.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
