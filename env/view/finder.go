package view

import "io"

// Finder looks for strings in files. It isn't safe for concurrent use.
type Finder struct {
	scan *scanner
	buf  []byte
}

// NewFinder returns a finder of strings of at least 8 bytes.
func NewFinder(strings ...string) *Finder {
	s := newScanner(nil, strings)
	return &Finder{s, make([]byte, max(chunkSize, 4*s.longest))}
}

// In reports whether what r delivers holds one of the strings.
func (f *Finder) In(r io.Reader) (bool, error) {
	_, found, err := f.scan.read(r, f.buf)
	return found, err
}
