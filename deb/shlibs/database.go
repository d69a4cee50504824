package shlibs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/envbuild/envbuild/deb/internal/installed"
)

// database answers from the files that dpkg keeps below root.
type database struct {
	root string
	// owners are the packages of each shared library by its path, as dpkg names
	// their files: "libc6:amd64".
	owners  map[string][]string
	symbols map[string]map[string]*library // by file
	dirs    []string
}

func openDatabase(root string) (*database, error) {
	db := &database{root: root, symbols: map[string]map[string]*library{}}
	if err := db.readOwners(); err != nil {
		return nil, err
	}
	var err error
	db.dirs, err = db.libraryDirs()
	return db, err
}

// readOwners reads the lists of all packages: 10 ms for 500 of them. Diversions
// don't count.
func (db *database) readOwners() error {
	db.owners = map[string][]string{}
	lists, err := filepath.Glob(filepath.Join(db.root, installed.InfoDir, "*.list"))
	if err != nil {
		return err
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			return err
		}
		pkg := strings.TrimSuffix(filepath.Base(list), ".list")
		for line := range bytes.Lines(b) {
			p := bytes.TrimSuffix(line, []byte("\n"))
			if bytes.Contains(p, []byte(".so")) {
				db.owners[string(p)] = append(db.owners[string(p)], pkg)
			}
		}
	}
	return nil
}

// ownersOf returns the packages of a library. Since /lib became a link to
// /usr/lib, a package may list either name, so both are tried, and the file that
// links lead to.
func (db *database) ownersOf(lib string) []string {
	for _, name := range installed.Spellings(lib, db.resolve(lib)) {
		if pkgs := db.owners[name]; len(pkgs) > 0 {
			return pkgs
		}
	}
	return nil
}

func (db *database) resolve(p string) string { return installed.Resolve(db.root, p) }

// libraryDirs are the loader's folders in the order in which dpkg-shlibdeps
// asks them.
func (db *database) libraryDirs() ([]string, error) {
	dirs := []string{"/lib", "/usr/lib"}
	more, err := db.readLoaderConf("/etc/ld.so.conf", map[string]bool{})
	if err != nil {
		return nil, err
	}
	dirs = append(dirs, more...)
	return append(dirs, "/lib32", "/usr/lib32", "/lib64", "/usr/lib64"), nil
}

func (db *database) readLoaderConf(file string, seen map[string]bool) ([]string, error) {
	if seen[file] {
		return nil, nil
	}
	seen[file] = true
	b, err := db.read(file)
	if err != nil || b == nil {
		return nil, err
	}
	var dirs []string
	for _, entry := range parseLoaderConf(string(b)) {
		if !entry.include {
			dirs = append(dirs, path.Clean(entry.path))
			continue
		}
		pattern := entry.path
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(file), pattern)
		}
		found, err := filepath.Glob(filepath.Join(db.root, pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			more, err := db.readLoaderConf("/"+strings.TrimPrefix(strings.TrimPrefix(f, db.root), "/"), seen)
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, more...)
		}
	}
	return dirs, nil
}

// loaderEntry is a line of ld.so.conf(5): a folder, or a pattern of files to
// include.
type loaderEntry struct {
	path    string
	include bool
}

func parseLoaderConf(text string) []loaderEntry {
	var out []loaderEntry
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "include":
			out = append(out, loaderEntry{fields[1], true})
		case len(fields) == 1 && path.IsAbs(fields[0]):
			out = append(out, loaderEntry{fields[0], false})
		}
	}
	return out
}

// read returns a file below root, or nil if it isn't there.
func (db *database) read(file string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(db.root, db.resolve(file)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, nil
	}
	return b, err
}

// symbolsOf returns what the symbols files say of a library of a package, or nil.
// An administrator's file wins over the package's.
func (db *database) symbolsOf(pkg, soname, arch string) (*library, error) {
	for _, file := range []string{
		"/etc/dpkg/symbols/" + pkg + ".symbols." + arch,
		"/etc/dpkg/symbols/" + pkg + ".symbols",
		path.Join(installed.InfoDir, pkg+".symbols"),
	} {
		libs, ok := db.symbols[file]
		if !ok {
			b, err := db.read(file)
			if err != nil {
				return nil, err
			}
			if libs, err = parseSymbols(bytes.NewReader(b), pkg); err != nil {
				return nil, err
			}
			db.symbols[file] = libs
		}
		if l := libs[soname]; l != nil {
			return l, nil
		}
	}
	return nil, nil
}

// shlibsOf returns what the shlibs files say.
func (db *database) shlibsOf(pkg, soname string) (depends string, ok bool, err error) {
	for _, file := range []string{
		"/etc/dpkg/shlibs.override", path.Join(installed.InfoDir, pkg+".shlibs"), "/etc/dpkg/shlibs.default",
	} {
		b, err := db.read(file)
		if err != nil {
			return "", false, err
		}
		depends, ok, err = parseShlibs(bytes.NewReader(b), soname)
		if err != nil || ok {
			return depends, ok, err
		}
	}
	return "", false, nil
}

// find returns the paths of the libraries of a name that a file of an ABI can
// load, in the loader's order.
func (db *database) find(soname string, runpath []string, want abi) []string {
	var out []string
	for _, dir := range append(append([]string{}, runpath...), db.dirs...) {
		p := path.Join(dir, soname)
		if got, err := readABI(filepath.Join(db.root, db.resolve(p))); err == nil && got == want {
			out = append(out, p)
		}
	}
	return out
}
