package cpantest

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// debFiles returns the files of a Debian binary package that want accepts, by
// their path from the root without a leading slash.
func debFiles(deb []byte, want func(string) bool) ([]tarEntry, error) {
	name, data, err := arMember(deb, "data.tar")
	if err != nil {
		return nil, err
	}
	return readTar(name, bytes.NewReader(data), want)
}

// arMember returns the first member of an ar archive whose name begins with
// prefix.
func arMember(b []byte, prefix string) (name string, data []byte, err error) {
	const magic, headerLen = "!<arch>\n", 60
	if !bytes.HasPrefix(b, []byte(magic)) {
		return "", nil, fmt.Errorf("no Debian package: it doesn't begin with %q", magic)
	}
	for b = b[len(magic):]; len(b) >= headerLen; {
		// name 16, date 12, uid 6, gid 6, mode 8, size 10, end 2
		name := strings.TrimRight(string(b[:16]), " /")
		size, err := strconv.Atoi(strings.TrimSpace(string(b[48:58])))
		if err != nil {
			return "", nil, fmt.Errorf("ar member %q: size: %w", name, err)
		}
		b = b[headerLen:]
		if size < 0 || size > len(b) {
			return "", nil, fmt.Errorf("ar member %q: %d bytes where %d are left: %w", name, size, len(b), io.ErrUnexpectedEOF)
		}
		if strings.HasPrefix(name, prefix) {
			return name, b[:size], nil
		}
		b = b[min(size+size%2, len(b)):]
	}
	return "", nil, fmt.Errorf("no member %s*", prefix)
}
