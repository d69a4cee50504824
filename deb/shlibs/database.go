package shlibs

import (
	"bytes"
	"path"
	"strings"

	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/internal/rootfs"
)

// System is a Debian system whose packages have libraries.
type System interface {
	// Dir is the directory below which it stands.
	Dir() string
	Packages() (*dpkg.Database, error)
}

// database answers from the files that dpkg and the loader keep of a system.
type database struct {
	root     rootfs.Dir
	packages *dpkg.Database
	symbols  map[string]map[string]*library // by file
	dirs     []string
}

func openDatabase(sys System) (*database, error) {
	packages, err := sys.Packages()
	if err != nil {
		return nil, err
	}
	db := &database{root: rootfs.Dir(sys.Dir()), packages: packages, symbols: map[string]map[string]*library{}}
	db.dirs, err = db.libraryDirs()
	return db, err
}

// libraryDirs are the loader's directories in the order in which dpkg-shlibdeps
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
	b, err := db.root.ReadFile(file)
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
		found, err := db.root.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			more, err := db.readLoaderConf(f, seen)
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, more...)
		}
	}
	return dirs, nil
}

// loaderEntry is a line of ld.so.conf(5): a directory, or a pattern of files to
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

// symbolsOf returns what the symbols files say of a library of a package, or nil.
// An administrator's file wins over the package's.
func (db *database) symbolsOf(pkg dpkg.Owner, soname, arch string) (*library, error) {
	byHand := "/etc/dpkg/symbols/" + pkg.String() + ".symbols"
	for _, file := range []string{byHand + "." + arch, byHand, db.packages.InfoPath(pkg, "symbols")} {
		libs, ok := db.symbols[file]
		if !ok {
			b, err := db.root.ReadFile(file)
			if err != nil {
				return nil, err
			}
			if libs, err = parseSymbols(bytes.NewReader(b), pkg.Name); err != nil {
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
func (db *database) shlibsOf(pkg dpkg.Owner, soname string) (depends string, ok bool, err error) {
	for _, file := range []string{
		"/etc/dpkg/shlibs.override", db.packages.InfoPath(pkg, "shlibs"), "/etc/dpkg/shlibs.default",
	} {
		b, err := db.root.ReadFile(file)
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
		if got, err := readABI(db.root.Host(p)); err == nil && got == want {
			out = append(out, p)
		}
	}
	return out
}
