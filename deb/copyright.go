package deb

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/envbuild/envbuild/internal/tree"
)

// copyrightFile writes a machine-readable copyright file (DEP-5) that says what
// the parts say of themselves and no more: whose each is, its licence, and which
// files are of it. The names of files are those of the package.
type copyrightFile struct {
	b strings.Builder
	// needed are the licences to which a stanza refers.
	needed map[string]licence
}

// copyright returns the file for a package with these entries.
func copyright(m Meta, license string, year int, entries []tree.Entry) []byte {
	f := &copyrightFile{needed: map[string]licence{}}
	f.b.WriteString("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n")
	fmt.Fprintf(&f.b, "Upstream-Name: %s\nUpstream-Contact: %s\n", m.Name, m.Maintainer)
	if len(m.Components) > 0 {
		f.b.WriteString("Comment:\n This package holds an application and what it runs on. Every part keeps its\n" +
			" own authors and licence; what stands here is what the parts name.\n")
	}
	fmt.Fprintf(&f.b, "\nFiles: *\nCopyright: %d, the authors of %s\nLicense: %s\n", year, m.Name, cmp.Or(license, "other"))
	f.b.WriteString(" The terms are those under which the maintainer publishes the application.\n")
	components := slices.Clone(m.Components)
	slices.SortFunc(components, func(a, b Component) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	patterns := filePatterns(components, entries)
	for i, c := range components {
		f.component(c, patterns[i])
	}
	f.licences()
	return []byte(f.b.String())
}

// component writes the stanza of a part, or, if nothing of it is left in the
// package (it was needed to build), nothing.
func (f *copyrightFile) component(c Component, patterns []string) {
	if len(patterns) == 0 {
		return
	}
	f.b.WriteString("\nFiles:")
	for _, p := range patterns {
		f.b.WriteString("\n " + p)
	}
	f.b.WriteString("\nCopyright:")
	authors := c.Authors
	if len(authors) == 0 {
		authors = []string{"the authors of " + c.Name}
	}
	for i, a := range authors {
		if i > 0 {
			f.b.WriteString("\n")
		}
		f.b.WriteString(" " + oneLine(a))
	}
	f.terms(c)
	f.b.WriteString("Comment: " + oneLine(c.line()) + "\n")
}

// terms writes the licence's name, and its text if that is the part's own. The
// texts that every Debian system has are referred to, as policy 12.5 wants.
func (f *copyrightFile) terms(c Component) {
	expression := parseExpression(c.License)
	if expression == nil {
		f.b.WriteString("\nLicense: other\n")
		if c.Terms == "" {
			f.b.WriteString(" Its metadata names no licence; its documentation may.\n")
			return
		}
		f.text(c.Terms)
		return
	}
	fmt.Fprintf(&f.b, "\nLicense: %s\n", expression.debian())
	common := false
	for _, id := range expression.ids() {
		common = common || licenceOf(id).common != ""
	}
	if c.Terms != "" && !common {
		f.text(c.Terms)
		return
	}
	for _, id := range expression.ids() {
		l := licenceOf(id)
		f.needed[l.name] = l
	}
}

// text writes lines of a field that goes on.
func (f *copyrightFile) text(s string) {
	for line := range strings.Lines(strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))) {
		line = strings.Map(printable, strings.TrimRight(line, " \t\r\n\f"))
		if line == "" {
			line = "."
		}
		f.b.WriteString(" " + line + "\n")
	}
}

func printable(r rune) rune {
	if r < ' ' && r != '\t' || r == 0x7f {
		return -1
	}
	return r
}

func (f *copyrightFile) licences() {
	names := make([]string, 0, len(f.needed))
	for name := range f.needed {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&f.b, "\nLicense: %s\n", name)
		f.text(f.needed[name].text())
	}
}

// oneLine makes a value of one line.
func oneLine(s string) string {
	return strings.Map(printable, strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "\uFFFD"))
}

// line is "Plack 1.0050; M/MI/MIYAGAWA/Plack-1.0050.tar.gz".
func (c Component) line() string {
	line := c.Name + " " + c.Version
	if c.Source != "" {
		line += "; " + c.Source
	}
	return line
}

// filePatterns names the files of each component as DEP-5 does, in as few
// patterns as can be: a directory in which everything is of one component is one.
func filePatterns(components []Component, entries []tree.Entry) [][]string {
	owner := map[string]int{}
	for i, c := range components {
		for _, p := range c.Files {
			owner[p] = i
		}
	}
	root := &ownedDir{}
	for _, e := range entries {
		if e.Kind == tree.Dir {
			continue
		}
		i, ok := owner[e.Path]
		if !ok {
			i = nobody
		}
		root.add(strings.Split(strings.TrimPrefix(e.Path, "/"), "/"), i)
	}
	out := make([][]string, len(components))
	if root.used {
		root.patterns("", out)
	}
	for i := range out {
		slices.Sort(out[i])
	}
	return out
}

// The owners of a directory that aren't one component.
const (
	nobody  = -1
	several = -2
)

// ownedDir is a file or a directory, with the owner of all that is in it.
type ownedDir struct {
	owner int
	used  bool
	in    map[string]*ownedDir
}

func (f *ownedDir) add(path []string, owner int) {
	if !f.used {
		f.owner, f.used = owner, true
	} else if f.owner != owner {
		f.owner = several
	}
	if len(path) == 0 {
		return
	}
	if f.in == nil {
		f.in = map[string]*ownedDir{}
	}
	if f.in[path[0]] == nil {
		f.in[path[0]] = &ownedDir{}
	}
	f.in[path[0]].add(path[1:], owner)
}

func (f *ownedDir) patterns(at string, out [][]string) {
	switch {
	case f.owner >= 0 && f.in == nil:
		out[f.owner] = append(out[f.owner], escapePattern(at))
		return
	case f.owner >= 0 && at != "":
		out[f.owner] = append(out[f.owner], escapePattern(at)+"/*")
		return
	}
	for name, in := range f.in {
		in.patterns(strings.TrimPrefix(at+"/"+name, "/"), out)
	}
}

// escapePattern writes a path for a Files field, where * and ? stand for others
// and a space ends a pattern.
func escapePattern(p string) string {
	var b strings.Builder
	for _, r := range p {
		switch {
		case r == ' ' || r == '\t' || r == utf8.RuneError:
			b.WriteByte('?')
		case strings.ContainsRune(`*?\`, r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
