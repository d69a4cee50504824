// Package tarball writes an environment as a .tar.gz that works wherever it is
// unpacked: a shell script in it, which needs no interpreter and no envbuild, puts the
// directory's path where files hold it.
package tarball

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/templates"
)

// Prefix is the directory for which the content of a tarball is made. It is never
// there: relocating replaces it. It is as long as unmistakable, and short enough
// for binary files.
const Prefix = "/envbuild-unrelocated-b7Kq2vXw9RmZt4Ls"

// The files that run in a tarball, and the directory of the relocation's data.
const (
	relocateName = "relocate"
	scriptName   = "env.sh"
	stateDir     = ".envbuild"
)

// Request is a tarball to write.
type Request struct {
	// Name is the top directory.
	Name string
	// Entries are below Prefix, or relative; in any order.
	Entries []tree.Entry
	// Shell are the paths of shell files in which Prefix stands only in double quotes.
	Shell []string
	// Tails are the paths below Prefix that stood for build prefixes: "/runtime".
	Tails []string
	// Time is that of everything.
	Time time.Time
}

// Write writes the tarball. The same request gives the same bytes.
func Write(ctx context.Context, req Request, w io.Writer) error {
	t := &writer{req: req, pristine: map[string]bool{}, binary: map[string][]string{}, made: map[string]bool{}, shell: map[string]bool{}}
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t.tar = tar.NewWriter(z)
	if err := t.write(ctx); err != nil {
		return err
	}
	return errors.Join(t.tar.Close(), z.Close())
}

type writer struct {
	req Request
	tar *tar.Writer
	// list are the lines for the script.
	list []string
	// pristine are the text files that hold the prefix; binary has the lines of the
	// others, without their paths.
	pristine map[string]bool
	binary   map[string][]string
	made     map[string]bool
	shell    map[string]bool
}

func (t *writer) write(ctx context.Context) error {
	for _, name := range t.req.Shell {
		t.shell[below(name)] = true
	}
	entries := tree.Move(t.req.Entries, below)
	tree.Sort(entries)
	for _, e := range entries {
		if strings.ContainsAny(e.Path, "\n\t") {
			return fmt.Errorf("%q can't be in a tarball that relocates itself: its name has a tab or a line break", e.Path)
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := t.entry(e); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return t.programs()
}

// below makes a path relative to the tarball's directory.
func below(p string) string { return strings.TrimPrefix(strings.TrimPrefix(p, Prefix), "/") }

func (t *writer) entry(e tree.Entry) error {
	switch e.Kind {
	case tree.Dir:
		return t.directory(e.Path, e.Permissions().Perm())
	case tree.Symlink:
		return t.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: e.Path, Linkname: relativeTarget(e), Mode: 0o777})
	case tree.Hardlink:
		return t.hardlink(e)
	}
	hold, err := t.hold(e)
	if err != nil {
		return err
	}
	switch {
	case hold == nil:
		return t.file(e.Path, e)
	case hold.Text:
		return t.text(e)
	}
	for i, offset := range hold.Offsets {
		t.binary[e.Path] = append(t.binary[e.Path], fmt.Sprintf("binary\t%d\t%s", offset, hold.Tails[i]))
	}
	t.listBinary(e.Path, e.Path)
	return t.file(e.Path, e)
}

// text puts a file that holds the prefix beside its place. The script makes the
// one that is used, of the same text after every move.
func (t *writer) text(e tree.Entry) error {
	t.pristine[e.Path] = true
	t.listText(e)
	// The script makes files, not directories.
	if err := t.parents(e.Path); err != nil {
		return err
	}
	return t.file(path.Join(stateDir, "text", e.Path), e)
}

func (t *writer) listText(e tree.Entry) {
	kind := "text"
	if t.shell[e.Path] {
		kind = "shell"
	}
	t.list = append(t.list, kind+"\t"+e.Path)
}

func (t *writer) listBinary(name, leader string) {
	for _, line := range t.binary[leader] {
		t.list = append(t.list, line+"\t"+name)
	}
}

// hardlink writes a further name. Where the file holds the prefix the script
// makes a file of its own of each name.
func (t *writer) hardlink(e tree.Entry) error {
	name, target := e.Path, e.Target
	if t.pristine[target] {
		t.listText(e)
		name, target = path.Join(stateDir, "text", name), path.Join(stateDir, "text", target)
	}
	t.listBinary(e.Path, e.Target)
	return t.header(&tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: path.Join(t.req.Name, target), Mode: 0o644})
}

// relativeTarget lets links to what is in the tarball hold wherever it is moved.
func relativeTarget(e tree.Entry) string {
	if e.Target != Prefix && !strings.HasPrefix(e.Target, Prefix+"/") {
		return e.Target
	}
	rel, err := filepath.Rel("/"+path.Dir(e.Path), "/"+below(e.Target))
	if err != nil {
		return e.Target // both are absolute: it can't be
	}
	return rel
}

func (t *writer) hold(e tree.Entry) (*view.Hold, error) {
	f, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return view.FindHolds(f, Prefix, t.req.Tails)
}

func (t *writer) file(name string, e tree.Entry) error {
	f, err := e.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := t.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(e.Permissions().Perm()), Size: size}); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(t.tar, f)
	return err
}

// header writes a header below the top directory, after those of the directories above.
// GNU's form of long names is the one that busybox reads too.
func (t *writer) header(h *tar.Header) error {
	if err := t.parents(h.Name); err != nil {
		return err
	}
	h.Name = path.Join(t.req.Name, h.Name)
	return t.bare(h)
}

func (t *writer) bare(h *tar.Header) error {
	h.ModTime, h.Format = t.req.Time.UTC().Truncate(time.Second), tar.FormatGNU
	h.Uname, h.Gname = "root", "root"
	return t.tar.WriteHeader(h)
}

func (t *writer) parents(name string) error {
	if name == "." {
		return nil
	}
	return t.directory(path.Dir(name), 0o755)
}

func (t *writer) directory(name string, mode fs.FileMode) error {
	if t.made[name] {
		return nil
	}
	t.made[name] = true
	if err := t.parents(name); err != nil {
		return err
	}
	return t.bare(&tar.Header{Typeflag: tar.TypeDir, Name: path.Join(t.req.Name, name) + "/", Mode: int64(mode)})
}

// programs writes what runs in the tarball.
func (t *writer) programs() error {
	relocate, err := templates.Render(templates.Relocate, struct {
		Prefix string
		Room   int
	}{Prefix, view.Room})
	if err != nil {
		return err
	}
	script, err := templates.Render(templates.TarballEnvSh, nil)
	if err != nil {
		return err
	}
	list := strings.Join(t.list, "\n")
	if list != "" {
		list += "\n"
	}
	for _, e := range []tree.Entry{
		{Path: path.Join(stateDir, "list"), Mode: 0o644, Content: []byte(list)},
		{Path: relocateName, Mode: 0o755, Content: relocate},
		{Path: scriptName, Mode: 0o755, Content: script},
	} {
		if err := t.file(e.Path, e); err != nil {
			return err
		}
	}
	return nil
}
