package deb

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2/files"

	"github.com/envbuild/envbuild/internal/hint"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
)

// readContents turns the user's contents into entries. nfpm expands patterns;
// trees are walked here, because nfpm takes times and modes from the disk and
// follows the links in a tree.
func (r *settingsReader) readContents(node *pkgspec.Node, s *Settings) error {
	list := r.keyOf(node, "contents")
	for i, c := range s.decoded.Contents {
		n := list
		if i < len(list.Items) {
			n = list.Items[i]
		}
		entries, err := r.content(n, *c)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := CheckFileSize(e.Source); err != nil {
				return r.fail(n, hint.Of(err), "package.contents: %w", err)
			}
		}
		s.contents = append(s.contents, entries...)
	}
	return nil
}

func (r *settingsReader) content(n *pkgspec.Node, c files.Content) ([]tree.Entry, error) {
	if c.Packager != "" && c.Packager != "deb" {
		return nil, nil
	}
	if c.Destination == "" {
		return nil, r.fail(n, "write dst: and the path on the server", "package.contents: an entry has no destination")
	}
	if c.Expand {
		return nil, r.fail(n, "write the paths out", "package.contents: expand would make the package depend on the environment")
	}
	if c.FileInfo != nil && !c.FileInfo.MTime.IsZero() {
		return nil, r.fail(n, "set SOURCE_DATE_EPOCH; else it is the date that the lock records", "package.contents: mtime is decided by envbuild")
	}
	switch c.Type {
	case files.TypeDir:
		return []tree.Entry{withInfo(tree.Entry{Path: clean(c.Destination), Kind: tree.Dir}, c.FileInfo)}, nil
	case files.TypeSymlink:
		return []tree.Entry{{Path: clean(c.Destination), Kind: tree.Symlink, Target: c.Source}}, nil
	case files.TypeTree:
		return r.tree(n, c)
	case files.TypeImplicitDir, files.TypeDebChangelog:
		return nil, r.fail(n, "", "package.contents: the type %q can't be given", c.Type)
	}
	return r.expand(n, c)
}

// expand lets nfpm find the files of a pattern.
func (r *settingsReader) expand(n *pkgspec.Node, c files.Content) ([]tree.Entry, error) {
	directory := strings.HasSuffix(c.Source, "/")
	c.Source = r.path(c.Source)
	if directory {
		c.Source += "/"
	}
	found, err := files.PrepareForPackager(files.Contents{&c}, 0, "deb", false, time.Unix(0, 0))
	if err != nil {
		return nil, r.fail(n, "", "package.contents: %w", err)
	}
	var out []tree.Entry
	for _, f := range found {
		switch f.Type {
		case files.TypeImplicitDir:
		case files.TypeSymlink:
			out = append(out, tree.Entry{Path: f.Destination, Kind: tree.Symlink, Target: f.Source})
		default:
			e, err := diskFile(f.Source, f.Destination, c.FileInfo)
			if err != nil {
				return nil, r.fail(n, "", "package.contents: %w", err)
			}
			if strings.HasPrefix(f.Type, files.TypeConfig) {
				e.Config = true
			}
			out = append(out, e)
		}
	}
	return out, nil
}

func (r *settingsReader) tree(n *pkgspec.Node, c files.Content) ([]tree.Entry, error) {
	entries, err := tree.Scan(r.path(c.Source))
	if err != nil {
		return nil, r.fail(n, "", "package.contents: %w", err)
	}
	root := tree.Entry{Path: clean(c.Destination), Kind: tree.Dir, Owner: owner(c.FileInfo), Group: group(c.FileInfo)}
	var out []tree.Entry
	if root.Path != "/" {
		out = append(out, root)
	}
	for _, e := range entries {
		dest := path.Join(root.Path, e.Path)
		switch e.Kind {
		case tree.Dir:
			e = root
			e.Path = dest
		case tree.Symlink:
			e.Path = dest
		default:
			if e, err = diskFile(e.Source, dest, c.FileInfo); err != nil {
				return nil, r.fail(n, "", "package.contents: %w", err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// diskFile is an entry for a file of the checkout. Of its mode only the owner's
// x bit counts: the others depend on the umask of whoever checked it out.
func diskFile(source, dest string, info *files.ContentFileInfo) (tree.Entry, error) {
	fi, err := os.Stat(source)
	if err != nil {
		return tree.Entry{}, err
	}
	e := tree.Entry{Path: dest, Source: source, Mode: 0o644}
	if fi.Mode()&0o100 != 0 {
		e.Mode = 0o755
	}
	return withInfo(e, info), nil
}

func withInfo(e tree.Entry, info *files.ContentFileInfo) tree.Entry {
	e.Owner, e.Group = owner(info), group(info)
	if info != nil && info.Mode != 0 {
		e.Mode = unixMode(info.Mode)
	}
	return e
}

func owner(info *files.ContentFileInfo) string {
	if info == nil {
		return ""
	}
	return info.Owner
}

func group(info *files.ContentFileInfo) string {
	if info == nil {
		return ""
	}
	return info.Group
}

// unixMode reads a mode as people write it, 04755, where the bits above the
// permissions aren't those of fs.FileMode.
func unixMode(m fs.FileMode) fs.FileMode {
	out := m & fs.ModePerm
	for _, b := range []struct{ unix, bit fs.FileMode }{
		{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky},
	} {
		if m&b.unix != 0 {
			out |= b.bit
		}
	}
	return out
}

func clean(p string) string { return path.Join("/", p) }
