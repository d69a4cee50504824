package shlibs

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/deb/debversion"
)

// library is what a symbols file (deb-symbols(5)) says of one soname.
type library struct {
	// templates are dependencies with #MINVER# in place of a version. The first is
	// the library's; symbols name the others by their number.
	templates []string
	symbols   map[string]symbol // by name@version
}

type symbol struct {
	minVersion string
	template   int
}

// parseSymbols reads a symbols file as dpkg-shlibdeps does: deprecated symbols
// and patterns (the tags c++, regex and symver, and *@VERSION) match nothing,
// because dpkg-gensymbols has written out what they stood for when the library
// was packaged. A line that isn't understood is left out.
func parseSymbols(r io.Reader, pkg string) (map[string]*library, error) {
	libraries := map[string]*library{}
	var current *library
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20) // demangled names are long
	header := regexp.MustCompile(`^(\S+)\s+(\S.*)$`)
	for s.Scan() {
		line := strings.TrimRight(s.Text(), " \t\r")
		switch {
		case line == "" || line[0] == '#' || line[0] == '*':
		case line[0] == ' ' || line[0] == '\t':
			if current != nil {
				current.addSymbol(line)
			}
		case line[0] == '|':
			if current != nil {
				current.templates = append(current.templates, template(line[1:], pkg))
			}
		default:
			m := header.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if current = libraries[m[1]]; current == nil {
				current = &library{symbols: map[string]symbol{}}
				libraries[m[1]] = current
			}
			current.templates = []string{template(m[2], pkg)}
		}
	}
	return libraries, s.Err()
}

// template fills in the package's name, which is left open only in files that an
// administrator wrote by hand.
func template(s, pkg string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "#PACKAGE#", pkg)
}

func (l *library) addSymbol(line string) {
	tags, spec := cutTags(strings.TrimSpace(line))
	name, rest := cutName(spec, tags != nil)
	fields := strings.Fields(rest)
	if name == "" || len(fields) == 0 || strings.HasPrefix(name, "*@") {
		return
	}
	for _, t := range tags {
		if t, _, _ = strings.Cut(t, "="); t == "c++" || t == "regex" || t == "symver" {
			return
		}
	}
	s := symbol{minVersion: fields[0]}
	if len(fields) > 1 {
		s.template, _ = strconv.Atoi(fields[1]) // anything but a number means the first template
	}
	l.symbols[name] = s
}

// cutTags takes "(tag|tag=value)" off a symbol's specification.
func cutTags(spec string) (tags []string, rest string) {
	if !strings.HasPrefix(spec, "(") {
		return nil, spec
	}
	list, rest, ok := strings.Cut(spec[1:], ")")
	if !ok || list == "" {
		return nil, spec
	}
	return strings.Split(list, "|"), rest
}

// cutName takes the name off, which may stand in quotes behind tags:
// "operator new(int)"@Base 1.0.
func cutName(spec string, quotable bool) (name, rest string) {
	if quotable && spec != "" && (spec[0] == '"' || spec[0] == '\'') {
		if quoted, rest, ok := strings.Cut(spec[1:], spec[:1]); ok {
			tail, rest := cutWord(rest)
			return quoted + tail, rest
		}
	}
	return cutWord(spec)
}

func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// smallest returns the lowest version that any symbol of the first template
// asks for, or "".
func (l *library) smallest() string {
	found, least := false, ""
	for _, s := range l.symbols {
		if s.template != 0 {
			continue
		}
		if !found || debversion.Compare(s.minVersion, least) < 0 {
			found, least = true, s.minVersion
		}
	}
	return least
}

// dependency returns the template of a symbol.
func (l *library) dependency(s symbol) (string, bool) {
	if s.template < 0 || s.template >= len(l.templates) {
		return "", false
	}
	return l.templates[s.template], true
}
