package dpkg

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Owner is a package that has a file. Diversions don't count.
type Owner struct {
	Name string
	// Arch is the architecture, if dpkg keeps the package's files apart by it.
	Arch string
}

// String returns the name by which dpkg keeps the package's files: "libc6:amd64".
func (o Owner) String() string {
	if o.Arch == "" {
		return o.Name
	}
	return o.Name + ":" + o.Arch
}

const (
	listEnding = ".list"
	ofLibrary  = ".so"
)

// Owners returns the packages that have each of the paths, itself or what symlinks
// of the system make of it, in one pass over the lists of all packages: 20 ms for
// 500 of them. A path that is in no list isn't in the result.
func (d *Database) Owners(paths []string) (map[string][]Owner, error) {
	asked := map[string][]string{} // the paths that stand behind a name of a list
	for _, p := range paths {
		for _, name := range d.spellings(p) {
			asked[name] = append(asked[name], p)
		}
	}
	out := map[string][]Owner{}
	err := d.eachList(func(o Owner, list []byte) {
		for line := range bytes.SplitSeq(list, []byte("\n")) {
			for _, p := range asked[string(line)] {
				if !slices.Contains(out[p], o) {
					out[p] = append(out[p], o)
				}
			}
		}
	})
	return out, err
}

// eachList gives f the list of files of each package, by name.
func (d *Database) eachList(f func(Owner, []byte)) error {
	dir := filepath.Join(string(d.root), infoDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), listEnding)
		if !ok {
			continue
		}
		list, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the package is being removed
		}
		if err != nil {
			return err
		}
		var o Owner
		o.Name, o.Arch, _ = strings.Cut(name, ":")
		f(o, list)
	}
	return nil
}

// spellings returns the names that a list may have of a path. Since /bin, /sbin and
// /lib became symlinks below /usr, a package may list either name.
func (d *Database) spellings(p string) []string {
	var out []string
	for _, p := range []string{p, d.root.Resolve(p)} {
		other, ok := strings.CutPrefix(p, "/usr")
		if !ok {
			other = "/usr" + p
		}
		for _, name := range []string{p, other} {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// libraries are the files that could be shared libraries, with their packages.
type libraries struct{ byPath, byName map[string][]Owner }

// readLibraries reads the lists of all packages: 10 ms for 500 of them.
func (d *Database) readLibraries() (libraries, error) {
	l := libraries{map[string][]Owner{}, map[string][]Owner{}}
	return l, d.eachList(l.add)
}

// add reads one package's list. Most have no library at all, so the whole text is
// searched before its lines are.
func (l libraries) add(o Owner, list []byte) {
	if !bytes.Contains(list, []byte(ofLibrary)) {
		return
	}
	for line := range bytes.SplitSeq(list, []byte("\n")) {
		if !bytes.Contains(line, []byte(ofLibrary)) {
			continue
		}
		p := string(line)
		l.byPath[p] = append(l.byPath[p], o)
		dir, base := path.Split(p)
		if strings.Contains(base, ofLibrary) && strings.Contains(dir, "/lib") && !slices.Contains(l.byName[base], o) {
			l.byName[base] = append(l.byName[base], o)
		}
	}
}

// LibraryOwners returns the packages that have a shared library at a path, as
// Owners does. All libraries are remembered, so that it may be asked often.
func (d *Database) LibraryOwners(p string) ([]Owner, error) {
	l, err := d.libraries()
	if err != nil {
		return nil, err
	}
	for _, name := range d.spellings(p) {
		if owners := l.byPath[name]; len(owners) > 0 {
			return owners, nil
		}
	}
	return nil, nil
}

// SonameOwners returns the packages that have a file of that name in a directory of
// libraries.
func (d *Database) SonameOwners(soname string) ([]Owner, error) {
	l, err := d.libraries()
	return l.byName[soname], err
}

// InfoPath returns where dpkg keeps a file of a package, if the package has it: its
// "symbols", its "shlibs".
func (d *Database) InfoPath(o Owner, kind string) string {
	return path.Join(infoDir, o.String()+"."+kind)
}
