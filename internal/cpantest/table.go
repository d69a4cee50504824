package cpantest

import (
	"bufio"
	_ "embed"
	"fmt"
	"path"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

//go:embed mirror.tsv
var sampleTable string

// row is one archive of the sample's mirrors (mirror.tsv).
type row struct {
	// Mirror is "cpan" for the archives that a CPAN author released, byte for
	// byte, and "private" for all others.
	Mirror string
	// Path is below authors/id.
	Path string
	// SHA256 is the archive's.
	SHA256 digest.SHA256
	// Pool is the path of Debian's file below the base address of an apt mirror.
	Pool string
	// PoolSHA256 is that file's: the archive's own, or that of a binary package
	// from which the archive is rolled.
	PoolSHA256 digest.SHA256
}

// rolled reports whether the archive is made of a binary package.
func (r row) rolled() bool { return path.Ext(r.Pool) == ".deb" }

// release is the name of the archive without its extension.
func (r row) release() string { return strings.TrimSuffix(path.Base(r.Path), ".tar.gz") }

// parseTable reads tab-separated rows: mirror, path, SHA-256, path in Debian's
// pool, and the SHA-256 of the file there if it is another one. Empty lines and
// lines that begin with # are comments.
func parseTable(text string) ([]row, error) {
	var rows []row
	seen := map[string]bool{}
	s := bufio.NewScanner(strings.NewReader(text))
	for n := 1; s.Scan(); n++ {
		if s.Text() == "" || strings.HasPrefix(s.Text(), "#") {
			continue
		}
		r, err := parseRow(strings.Split(s.Text(), "\t"))
		if err != nil {
			return nil, fmt.Errorf("mirror.tsv:%d: %w", n, err)
		}
		if seen[r.Path] {
			return nil, fmt.Errorf("mirror.tsv:%d: %s is there twice", n, r.Path)
		}
		seen[r.Path] = true
		rows = append(rows, r)
	}
	return rows, s.Err()
}

func parseRow(f []string) (r row, err error) {
	if len(f) != 4 && len(f) != 5 {
		return r, fmt.Errorf("%d columns, not 4 or 5", len(f))
	}
	r = row{Mirror: f[0], Path: f[1], Pool: f[3]}
	if r.Mirror != "cpan" && r.Mirror != "private" {
		return r, fmt.Errorf(`%q is neither "cpan" nor "private"`, r.Mirror)
	}
	if !isLocal(r.Path) || !isLocal(r.Pool) {
		return r, fmt.Errorf("%q or %q is not a relative path", r.Path, r.Pool)
	}
	if !strings.HasSuffix(r.Path, ".tar.gz") {
		return r, fmt.Errorf("%s is no .tar.gz", r.Path)
	}
	if r.SHA256, err = digest.Parse(f[2]); err != nil {
		return r, err
	}
	if r.rolled() != (len(f) == 5) {
		return r, fmt.Errorf("%s: a fifth column belongs to a .deb and to nothing else", r.Path)
	}
	r.PoolSHA256 = r.SHA256
	if r.rolled() {
		r.PoolSHA256, err = digest.Parse(f[4])
	}
	return r, err
}
