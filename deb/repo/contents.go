package repo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// contents are the package's lines of a Contents index: a path without its slash,
// and the package behind its section.
func (p *pkg) contents(context.Context) ([]byte, error) {
	if p.files == nil {
		read, err := readPackage(p.xz, p.path, p.content.Open)
		if err != nil {
			return nil, err
		}
		if read.content.SHA256 != p.content.SHA256 { // what is listed gets signed
			return nil, &StateError{p.path, fmt.Errorf("its SHA-256 is %s, not %s", read.content.SHA256, p.content.SHA256)}
		}
		p.files, p.section = read.files, read.section
	}
	name := p.name
	if p.section != "" {
		name = p.section + "/" + p.name
	}
	paths := slices.Sorted(slices.Values(p.files))
	var b bytes.Buffer
	for _, path := range slices.Compact(paths) {
		if strings.ContainsAny(path, "\n") {
			continue // the format has no way to say it
		}
		fmt.Fprintf(&b, "%-59s %s\n", strings.TrimPrefix(path, "/"), name)
	}
	return b.Bytes(), nil
}
