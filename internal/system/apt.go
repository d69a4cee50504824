package system

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/deb822"
)

// AptMirrors returns the base addresses at which the system's apt finds the
// distribution's own archive: those of the release and its updates first, those
// with security updates only last. Entries that are disabled, of other archives, or
// not plain addresses (cdrom, mirror lists) are left out, as are lines that make no
// sense to apt either.
func (m *Machine) AptMirrors() ([]string, error) {
	release, err := m.Release()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var entries []aptEntry
	for _, kind := range []struct {
		pattern string
		parse   func(string) []aptEntry
	}{
		{"/etc/apt/sources.list", parseSourcesList},
		{"/etc/apt/sources.list.d/*.list", parseSourcesList},
		{"/etc/apt/sources.list.d/*.sources", parseDeb822Sources},
	} {
		files, err := m.root.Glob(kind.pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(m.root.Host(file))
			if err != nil {
				return nil, fmt.Errorf("read apt's sources: %w", err)
			}
			entries = append(entries, kind.parse(string(data))...)
		}
	}
	return distributionBases(entries, release.Codename), nil
}

// aptEntry is one combination of an address and a suite.
type aptEntry struct {
	uri, suite string
	components []string
}

// distributionBases picks the addresses of the distribution's own archive: those
// that have the component main for a suite of its release. Others may be named
// so too, which costs a question that is answered with 404.
func distributionBases(entries []aptEntry, codename string) []string {
	type base struct {
		uri      string
		security bool
	}
	var bases []base
	for _, e := range entries {
		if !plainAddress(e.uri) || !slices.Contains(e.components, "main") || !releaseSuite(e.suite, codename) {
			continue
		}
		uri := strings.TrimRight(e.uri, "/")
		security := strings.Contains(e.suite, "-security") || strings.HasSuffix(e.suite, "/updates")
		i := slices.IndexFunc(bases, func(b base) bool { return b.uri == uri })
		if i < 0 {
			bases = append(bases, base{uri, security})
		} else if !security {
			bases[i].security = false
		}
	}
	slices.SortStableFunc(bases, func(a, b base) int { return cmp.Compare(rank(a.security), rank(b.security)) })
	out := make([]string, len(bases))
	for i, b := range bases {
		out[i] = b.uri
	}
	return out
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

func plainAddress(uri string) bool {
	for _, scheme := range []string{"http://", "https://", "file:/"} {
		if strings.HasPrefix(uri, scheme) {
			return true
		}
	}
	return false
}

// releaseSuite reports whether the suite is the release itself or one of its
// pockets. Debian's may be named by their state instead of their code name.
func releaseSuite(suite, codename string) bool {
	name, security := strings.CutSuffix(suite, "/updates") // before Debian 11
	if !security {
		for _, pocket := range []string{"-updates", "-security", "-backports", "-proposed-updates", "-proposed"} {
			if n, ok := strings.CutSuffix(suite, pocket); ok {
				name = n
				break
			}
		}
	}
	switch name {
	case "stable", "oldstable", "oldoldstable", "testing", "unstable", "sid":
		return true
	case "":
		return false
	}
	return name == codename || codename == ""
}

// parseSourcesList reads the one-line format of sources.list(5):
//
//	deb [ option=value … ] uri suite component …
func parseSourcesList(text string) []aptEntry {
	var out []aptEntry
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "deb" && fields[0] != "deb-src" {
			continue
		}
		fields = fields[1:]
		if len(fields) > 0 && strings.HasPrefix(fields[0], "[") {
			end := slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(f, "]") })
			if end < 0 {
				continue
			}
			fields = fields[end+1:]
		}
		if len(fields) >= 3 {
			out = append(out, aptEntry{uri: fields[0], suite: fields[1], components: fields[2:]})
		}
	}
	return out
}

// parseDeb822Sources reads the format of *.sources files: paragraphs of fields,
// each with all its values.
func parseDeb822Sources(text string) []aptEntry {
	var out []aptEntry
	for fields := range deb822.Paragraphs(text) {
		out = append(out, deb822Entries(fields)...)
	}
	return out
}

func deb822Entries(p deb822.Paragraph) []aptEntry {
	types := strings.Fields(p.Value("Types"))
	if !slices.Contains(types, "deb") && !slices.Contains(types, "deb-src") {
		return nil
	}
	switch strings.ToLower(p.Value("Enabled")) {
	case "no", "false", "without", "off", "disable", "0":
		return nil
	}
	var out []aptEntry
	for _, uri := range strings.Fields(p.Value("URIs")) {
		for _, suite := range strings.Fields(p.Value("Suites")) {
			out = append(out, aptEntry{uri: uri, suite: suite, components: strings.Fields(p.Value("Components"))})
		}
	}
	return out
}
