package fetch

import (
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// place is where an archive may be: a file or an address.
type place struct {
	file string   // set for files
	root string   // the directory of a mirror on disk, which must exist
	url  *url.URL // set for http and https
}

// String returns the path or the address without credentials: they may stand
// before the host and in the query.
func (p place) String() string {
	if p.url == nil {
		return p.file
	}
	u := *p.url
	u.User, u.Fragment = nil, ""
	if u.RawQuery != "" {
		u.RawQuery = ""
		return u.String() + "?…"
	}
	return u.String()
}

// places lists where the archive may be, in the order in which it is tried.
func (f *Fetcher) places(req Request) ([]place, error) {
	var out []place
	add := func(base, path string) error {
		p, err := f.parse(base, path)
		if err == nil {
			out = append(out, p)
		}
		return err
	}
	if _, err := os.Stat(f.opts.Vendor); err == nil {
		for _, path := range []string{req.Path, req.File} {
			if path == "" {
				continue
			}
			if err := checkPath(path); err != nil {
				return nil, err
			}
			out = append(out, place{file: filepath.Join(f.opts.Vendor, filepath.FromSlash(path))})
		}
	}
	if req.Path != "" {
		for _, m := range req.Mirrors {
			if err := add(m, req.Path); err != nil {
				return nil, err
			}
		}
	}
	for _, u := range req.URLs {
		if err := add(u, ""); err != nil {
			return nil, err
		}
	}
	for _, path := range req.DebianPaths {
		for _, base := range f.opts.AptBases {
			if err := add(base, path); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// parse makes a place of a base address or directory and a path below it; an empty
// path means the base itself.
func (f *Fetcher) parse(base, path string) (place, error) {
	if path != "" {
		if err := checkPath(path); err != nil {
			return place{}, err
		}
	}
	if !strings.Contains(base, ":") || filepath.IsAbs(base) {
		return f.directory(base, path), nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return place{}, fmt.Errorf("%s is not a valid address", withoutCredentials(base))
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return place{}, fmt.Errorf("%s: a file address names no host", u)
		}
		return f.directory(u.Path, path), nil
	case "http", "https":
		if u.Host == "" {
			return place{}, fmt.Errorf("%s names no host", place{url: u})
		}
		if path != "" {
			u = u.JoinPath((&url.URL{Path: path}).EscapedPath())
		}
		return place{url: u}, nil
	}
	return place{}, fmt.Errorf("%s: addresses with %q are not supported; http, https, file and directories are", withoutCredentials(base), u.Scheme)
}

func (f *Fetcher) directory(base, path string) place {
	if !filepath.IsAbs(base) {
		base = filepath.Join(f.opts.Dir, base)
	}
	if path == "" {
		return place{file: filepath.Clean(base)}
	}
	return place{file: filepath.Join(base, filepath.FromSlash(path)), root: base}
}

// checkPath keeps paths that come from an index or a lock inside the mirror.
func checkPath(path string) error {
	if !fs.ValidPath(path) || path == "." {
		return fmt.Errorf("%q is not a valid path below a mirror", path)
	}
	return nil
}

// withoutCredentials shortens an address that can't be parsed.
func withoutCredentials(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return address
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}

// open opens the file of a place on disk. A file that is absent is ErrNotFound,
// unless the whole mirror is.
func (p place) open() (*os.File, error) {
	f, err := os.Open(p.file)
	if os.IsNotExist(err) {
		if _, rootErr := os.Stat(p.root); p.root != "" && rootErr != nil {
			return nil, fmt.Errorf("the mirror's directory %s is not there", p.root)
		}
		return nil, absentError{}
	}
	return f, err
}

// absentError says that a file is not there.
type absentError struct{}

func (absentError) Error() string { return "not found" }

// Is tells it from the 404 of a server, which deserves an event.
func (absentError) Is(target error) bool { return target == ErrNotFound || target == fs.ErrNotExist }

// copyTo writes the file of a place on disk.
func (p place) copyTo(w io.Writer) error {
	f, err := p.open()
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
