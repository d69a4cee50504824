package unpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxPath   = 4096
	maxTarget = 4095
	// maxDepth of directories is what a path of maxPath bytes could name at most
	// halfway; no archive comes near.
	maxDepth = 256
)

// kind is what stands at a path of the tree.
type kind byte

const (
	directory kind = iota + 1
	file
	symlink
)

// tree is what an archive becomes. Until finish it holds directories and files
// only, so that nothing can be written through a symlink.
type tree struct {
	dir   string
	opts  Options
	limit Limits

	kinds   map[string]kind
	targets map[string]string // of symlinks
	entries int
	bytes   int64
}

func newTree(dir string, o Options) *tree {
	return &tree{
		dir: dir, opts: o, limit: o.Limits.withDefaults(),
		kinds: map[string]kind{".": directory}, targets: map[string]string{},
	}
}

func (t *tree) left() int64 { return t.limit.Bytes - t.bytes }

func (t *tree) tooLarge() error { return &LimitError{fmt.Sprintf("%d bytes", t.limit.Bytes)} }

// place returns the clean path that an archive's name has in the tree, or "" for
// what stripping leaves nothing of.
func (t *tree) place(name string) (string, error) {
	bad := func(problem string) (string, error) { return "", &EntryError{Path: name, Problem: problem} }
	switch {
	case len(name) > maxPath:
		return "", &EntryError{Path: name[:80] + "…", Problem: fmt.Sprintf("its path has more than %d bytes", maxPath)}
	case strings.HasPrefix(name, "/"):
		return bad("its path is absolute")
	case strings.ContainsAny(name, "\x00\\"):
		return bad("its path has a NUL or a backslash")
	}
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "..":
			return bad("its path leads out of the archive")
		case part == "" || part == ".":
			continue
		case len(part) > 255:
			return bad("a name in its path has more than 255 bytes")
		}
		parts = append(parts, part)
	}
	if len(parts) > maxDepth {
		return bad(fmt.Sprintf("it is more than %d directories deep", maxDepth))
	}
	if len(parts) <= t.opts.Strip {
		return "", nil
	}
	return path.Join(parts[t.opts.Strip:]...), nil
}

// count counts an entry, also those that are left out.
func (t *tree) count() error {
	t.entries++
	if t.entries > t.limit.Entries {
		return &LimitError{fmt.Sprintf("%d entries", t.limit.Entries)}
	}
	return nil
}

// open gets an entry a place and its directories. It is "" for what is left out.
func (t *tree) open(name string) (string, error) {
	if err := t.count(); err != nil {
		return "", err
	}
	p, err := t.place(name)
	if err != nil || p == "" {
		return "", err
	}
	return p, t.makeDirs(name, path.Dir(p))
}

// makeDirs makes a directory and those above it.
func (t *tree) makeDirs(name, dir string) error {
	switch t.kinds[dir] {
	case directory:
		return nil
	case file, symlink:
		return &EntryError{Path: name, Problem: fmt.Sprintf("%s is not a directory in the archive", dir)}
	}
	if err := t.makeDirs(name, path.Dir(dir)); err != nil {
		return err
	}
	if err := t.count(); err != nil {
		return err
	}
	t.kinds[dir] = directory
	if err := os.Mkdir(t.full(dir), 0o755); err != nil {
		return err
	}
	return os.Chmod(t.full(dir), 0o755) // whatever the umask
}

func (t *tree) full(p string) string { return filepath.Join(t.dir, filepath.FromSlash(p)) }

func (t *tree) directory(name string) error {
	if err := t.count(); err != nil {
		return err
	}
	p, err := t.place(name)
	if err != nil || p == "" {
		return err
	}
	return t.makeDirs(name, p)
}

// replace makes room for a file or a link. Of several with one path the last
// counts, as with tar and npm.
func (t *tree) replace(name, p string) error {
	switch t.kinds[p] {
	case directory:
		return &EntryError{Path: name, Problem: "it is a directory in the archive, too"}
	case symlink:
		delete(t.targets, p)
	case file:
		// The file may have further names, which keep it.
		return os.Remove(t.full(p))
	}
	return nil
}

func (t *tree) file(name string, executable bool, content io.Reader) error {
	p, err := t.open(name)
	if err != nil {
		return err
	}
	if p == "" {
		return t.skip(content)
	}
	if err := t.replace(name, p); err != nil {
		return err
	}
	t.kinds[p] = file
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	f, err := os.OpenFile(t.full(p), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = t.copy(name, f, content)
	return errors.Join(err, f.Chmod(mode), f.Close()) // whatever the umask
}

func (t *tree) skip(content io.Reader) error { return t.copy("", io.Discard, content) }

func (t *tree) copy(name string, to io.Writer, content io.Reader) error {
	left := t.left()
	n, err := io.Copy(to, io.LimitReader(content, left+1))
	t.bytes += n
	if err != nil {
		return fmt.Errorf("unpack %q: %w", name, err)
	}
	if n > left {
		return t.tooLarge()
	}
	return nil
}

// symlink notes a link, which must lead to something inside the tree.
func (t *tree) symlink(name, target string) error {
	p, err := t.open(name)
	if err != nil || p == "" {
		return err
	}
	switch {
	case target == "" || len(target) > maxTarget || strings.Contains(target, "\x00"):
		return &EntryError{Path: name, Problem: "its target is not a path"}
	case path.IsAbs(target):
		return &EntryError{Path: name, Problem: fmt.Sprintf("it is a symlink to the absolute path %q", target)}
	case !filepath.IsLocal(path.Join(path.Dir(p), target)), goesBack(target):
		return &EntryError{Path: name, Problem: fmt.Sprintf("it is a symlink to %q, outside of the archive", target)}
	}
	if err := t.replace(name, p); err != nil {
		return err
	}
	t.kinds[p], t.targets[p] = symlink, target
	return nil
}

// goesBack reports whether a target goes up behind a name: that may be a symlink,
// above which is something else than the path says.
func goesBack(target string) bool {
	named := false
	for part := range strings.SplitSeq(target, "/") {
		if part == ".." && named {
			return true
		}
		named = named || part != ".." && part != "." && part != ""
	}
	return false
}

// hardlink gives a file that came before a further name.
func (t *tree) hardlink(name, target string) error {
	p, err := t.open(name)
	if err != nil || p == "" {
		return err
	}
	first, err := t.place(target)
	if err != nil {
		return err
	}
	if t.kinds[first] != file {
		return &EntryError{Path: name, Problem: fmt.Sprintf("it is a hard link to %q, which is not a file before it", target)}
	}
	if first == p {
		return nil
	}
	if err := t.replace(name, p); err != nil {
		return err
	}
	t.kinds[p] = file
	return os.Link(t.full(first), t.full(p))
}

// finish makes the symlinks and the files that are to be executable.
func (t *tree) finish() error {
	for _, p := range t.opts.Executables {
		if t.kinds[p] != file {
			return &EntryError{Path: p, Problem: "it is to be executable, and is not a file of the archive"}
		}
		if err := os.Chmod(t.full(p), 0o755); err != nil {
			return err
		}
	}
	var links []string
	for p := range t.targets {
		links = append(links, p)
	}
	slices.Sort(links)
	for _, p := range links {
		if err := os.Symlink(t.targets[p], t.full(p)); err != nil {
			return err
		}
	}
	return nil
}
