package cpantest

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/atomicfile"
)

// indexPath is where every CPAN mirror keeps its index.
const indexPath = "modules/02packages.details.txt.gz"

// archivesPath is the directory to which the paths of archives are relative.
const archivesPath = "authors/id"

// WriteMirror makes a CPAN mirror of dists, archives and index, in the directory
// dir, which is made if need be. Archives that are there already stay; the index
// names dists alone, the last one where several provide a module.
func WriteMirror(dir string, dists ...Dist) error {
	var lines []indexLine
	for _, d := range dists {
		data, err := d.Archive()
		if err != nil {
			return err
		}
		if err := put(filepath.Join(dir, archivesPath, d.Path()), data); err != nil {
			return err
		}
		for _, m := range scanFiles(d.Files) {
			lines = slices.DeleteFunc(lines, func(l indexLine) bool { return l.Name == m.Name })
			lines = append(lines, indexLine{m.Name, m.Version, d.Path()})
		}
	}
	return writeIndex(dir, lines)
}

// indexLine says which archive has a module.
type indexLine struct{ Name, Version, Path string }

// writeIndex writes the index of the mirror in dir. Its bytes depend on nothing
// but the lines.
func writeIndex(dir string, lines []indexLine) error {
	return put(filepath.Join(dir, indexPath), gzipStored(encodeIndex(lines)))
}

// encodeIndex sorts as PAUSE does, without regard to case: clients search the
// file by halves.
func encodeIndex(lines []indexLine) []byte {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(a, b indexLine) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	var b bytes.Buffer
	fmt.Fprint(&b, "File:         02packages.details.txt\n",
		"Description:  Package names found in directory $CPAN/authors/id/\n",
		"Columns:      package name, version, path\n",
		"Intended-For: Automated fetch routines, namespace documentation.\n",
		"Written-By:   envbuild cpantest\n")
	fmt.Fprintf(&b, "Line-Count:   %d\n", len(lines))
	// A fixed date: an index that names the same archives is the same file.
	fmt.Fprint(&b, "Last-Updated: Wed, 01 Jan 2020 00:00:00 GMT\n\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "%-40s %10s  %s\n", l.Name, l.Version, l.Path)
	}
	return b.Bytes()
}

// put writes data to file, and its directories, unless the file has it already.
func put(file string, data []byte) error {
	old, err := os.ReadFile(file)
	if err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(file, data, fs.FileMode(0o644))
}

// named says how much of a module's name is that of the release: the length of
// the part before the version if it begins the module's name, else 0.
func named(release, module string) int {
	name := strings.ReplaceAll(release[:max(strings.LastIndexByte(release, '-'), 0)], "-", "::")
	if module == name || strings.HasPrefix(module, name+"::") {
		return len(name)
	}
	return 0
}
