package shlibs

import (
	"bufio"
	"io"
	"regexp"
	"strings"
)

// parseShlibs returns the dependencies that a shlibs file (deb-shlibs(5)) names
// for a soname. A line for the type deb wins over one without a type, a line for
// another type (udeb) doesn't count.
func parseShlibs(r io.Reader, soname string) (depends string, ok bool, err error) {
	name, version, split := splitSoname(soname)
	if !split {
		return "", false, nil
	}
	line := regexp.MustCompile(`^\s*(?:(\S+):\s+)?(\S+)\s+(\S+)(?:\s+(\S.*))?$`)
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		text := strings.TrimRight(s.Text(), " \t\r")
		m := line.FindStringSubmatch(text)
		if m == nil || strings.HasPrefix(text, "#") || m[2] != name || m[3] != version {
			continue
		}
		if m[1] == "deb" {
			return m[4], true, nil
		}
		if m[1] == "" && !ok {
			depends, ok = m[4], true
		}
	}
	return depends, ok, s.Err()
}

// splitSoname takes a soname apart as shlibs files do: libz.so.1 is libz and 1,
// libdb-5.3.so is libdb and 5.3.
func splitSoname(soname string) (name, version string, ok bool) {
	for _, form := range []string{`^(.+)\.so\.(.+)$`, `^(.+)-(\d.*)\.so$`} {
		if m := regexp.MustCompile(form).FindStringSubmatch(soname); m != nil {
			return m[1], m[2], true
		}
	}
	return "", "", false
}
