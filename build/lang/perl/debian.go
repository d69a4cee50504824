package perl

import (
	_ "embed" // the table of Debian packages
	"regexp"
	"slices"
	"strings"
)

//go:embed debian.tsv
var debianTable string

// debianPackages finds the package that has what a build misses.
type debianPackages []debianPackage

type debianPackage struct {
	name                                     string
	headers, libraries, pkgConfigs, programs []string
	messages                                 []string
}

// parseDebianTable reads debian.tsv, which says itself what its columns are.
func parseDebianTable(text string) debianPackages {
	var out debianPackages
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		columns := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(columns) != 6 {
			continue
		}
		p := debianPackage{
			name:    columns[0],
			headers: strings.Fields(columns[1]), libraries: strings.Fields(columns[2]),
			pkgConfigs: strings.Fields(columns[3]), programs: strings.Fields(columns[4]),
		}
		if columns[5] != "" {
			p.messages = strings.Split(columns[5], "|")
		}
		out = append(out, p)
	}
	return out
}

// byHeader finds the header that a compiler, or Devel::CheckLib, missed.
func (t debianPackages) byHeader(log string) (thing, pkg string) {
	missing := findNames(log,
		`fatal error: ([\w./+-]+): No such file or directory`,
		`Can't link/include C library .*'([\w./+-]+\.h)'`,
		`[Cc](?:an't|annot|ould not|ouldn't) (?:find|locate) (?:the )?(?:header )?(?:file )?['"<]?([\w./+-]+\.h)\b`)
	for _, header := range missing {
		for _, p := range t {
			if slices.ContainsFunc(p.headers, func(h string) bool { return isHeader(header, h) }) {
				return header, p.name
			}
		}
	}
	return "", ""
}

// isHeader reports whether an included name is the table's header, which is a
// file, perhaps in another directory, or a directory.
func isHeader(included, entry string) bool {
	if strings.HasSuffix(entry, "/") {
		return strings.HasPrefix(included, entry) || strings.Contains(included, "/"+entry)
	}
	return included == entry || strings.HasSuffix(included, "/"+entry)
}

// byLibrary finds the library that a linker, or Devel::CheckLib, missed.
func (t debianPackages) byLibrary(log string) (thing, pkg string) {
	missing := findNames(log,
		`cannot find -l([\w.+-]+)`,
		`Can't link/include C library '([\w.+-]+)'`,
		`library '([\w.+-]+)' not found`)
	return t.find(missing, "the library ", func(p *debianPackage) []string { return p.libraries })
}

// byPkgConfig finds what pkg-config, or a module around it, didn't know.
func (t debianPackages) byPkgConfig(log string) (thing, pkg string) {
	missing := findNames(log,
		`Package '?([\w.+-]+?)'?(?:, required by '[^']*',)? (?:was )?not found`,
		`No package '([\w.+-]+)' found`,
		`([\w.+-]+)\.pc\b.* not found`)
	return t.find(missing, "pkg-config's file of ", func(p *debianPackage) []string { return p.pkgConfigs })
}

// byProgram finds a program that is named together with words that say that it
// isn't there, in one line.
func (t debianPackages) byProgram(log string) (thing, pkg string) {
	absent := regexp.MustCompile(`(?i)not found|no such file|can't exec|(?:can't|cannot|could not|couldn't|unable to|failed to) (?:find|locate|run|execute)`)
	name := regexp.MustCompile(`[\w-]+`)
	var missing []string
	for line := range strings.Lines(log) {
		if absent.MatchString(line) {
			missing = append(missing, name.FindAllString(line, -1)...)
		}
	}
	return t.find(missing, "", func(p *debianPackage) []string { return p.programs })
}

// byMessage finds what well-known distributions say in their own words.
func (t debianPackages) byMessage(log string) (thing, pkg string) {
	for _, p := range t {
		for _, m := range p.messages {
			if strings.Contains(log, m) {
				return "what it asks for", p.name
			}
		}
	}
	return "", ""
}

func (t debianPackages) find(names []string, title string, column func(*debianPackage) []string) (thing, pkg string) {
	for _, n := range names {
		for i := range t {
			if slices.Contains(column(&t[i]), n) {
				return title + n, t[i].name
			}
		}
	}
	return "", ""
}

// findNames returns the names that the patterns capture, the first one of the log
// first within a pattern.
func findNames(log string, patterns ...string) []string {
	var names []string
	for _, p := range patterns {
		for _, m := range regexp.MustCompile(p).FindAllStringSubmatch(log, -1) {
			names = append(names, m[1])
		}
	}
	return names
}
