package perl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// index is a mirror's 02packages.details.txt.
type index struct {
	mirror  string
	modules map[string]indexEntry
	paths   map[string][]pkgspec.Module // by pathname, sorted by name
}

type indexEntry struct {
	version  string // "undef" where the module has none
	pathname string
}

const (
	indexPath = "modules/02packages.details.txt"
	// maxIndexBytes is ten times the size of CPAN's own.
	maxIndexBytes = 256 << 20
)

// IndexError says that a mirror's index could not be asked. It is never a reason
// to ask the next mirror: a private name must not be looked for in public.
type IndexError struct {
	Mirror string
	Err    error
}

// Error names the mirror.
func (e *IndexError) Error() string {
	return fmt.Sprintf("the index of %s can't be read: %v", e.Mirror, e.Err)
}

// Unwrap returns the cause.
func (e *IndexError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *IndexError) Hint() string {
	return "bring the mirror back, or take it out of dependencies.cpan.mirrors; envbuild doesn't look for its modules elsewhere"
}

// readIndex reads the mirror's index, the compressed one if it has it.
func readIndex(ctx context.Context, src lang.Sources, mirror string) (*index, error) {
	data, err := src.Read(ctx, mirror, indexPath+".gz")
	if errors.Is(err, lang.ErrNotFound) {
		data, err = src.Read(ctx, mirror, indexPath)
	}
	if err != nil {
		return nil, &IndexError{mirror, err}
	}
	if data, err = gunzip(data, maxIndexBytes); err != nil {
		return nil, &IndexError{mirror, err}
	}
	ix, err := parseIndex(data)
	if err != nil {
		return nil, &IndexError{mirror, err}
	}
	ix.mirror = mirror
	return ix, nil
}

// gunzip returns the content of data, which it returns as it is if it isn't
// compressed (a server may have done that already).
func gunzip(data []byte, limit int64) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(zr, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return out, err
}

// parseIndex reads a header in the form of a mail's, an empty line, and lines of
// module, version and path. A private mirror's index may lack the header.
func parseIndex(data []byte) (*index, error) {
	ix := &index{modules: make(map[string]indexEntry)}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	header := true
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
			header = false
			continue
		case header && strings.HasSuffix(fields[0], ":") && !strings.HasSuffix(fields[0], "::"):
			continue
		}
		header = false
		if len(fields) < 3 {
			return nil, fmt.Errorf("line %d is not a module, its version and its path: %q", n, line)
		}
		// Paths that lead out of authors/id, and files that aren't archives (old
		// indexes name a few .pm.gz), can't be used and are left out.
		if isModuleName(fields[0]) && checkPathname(fields[2]) == nil {
			ix.modules[fields[0]] = indexEntry{fields[1], fields[2]}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	ix.addPaths()
	return ix, nil
}

// provides lists what the index says is in the archive, sorted by name.
func (ix *index) provides(pathname string) []pkgspec.Module { return ix.paths[pathname] }

// addPaths fills the index by path.
func (ix *index) addPaths() {
	ix.paths = make(map[string][]pkgspec.Module)
	for _, name := range slices.Sorted(maps.Keys(ix.modules)) {
		e := ix.modules[name]
		ix.paths[e.pathname] = append(ix.paths[e.pathname], pkgspec.Module{Name: name, Version: e.version})
	}
}
