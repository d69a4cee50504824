// Package deb writes Debian packages: a list of entries and a few fields of
// metadata become the bytes of one .deb. It is a pure function of them: no
// clock, no environment variable, no owner, mode or time of a source file
// reaches the package (design.md §2.8).
//
// nfpm makes the members. This package gives it entries that leave it nothing to
// guess (it takes what it isn't told from the machine), puts the size that the
// policy defines into the control file, and adds the documents that the policy
// asks of every package.
package deb

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Meta is what the control file says. Name, Version, Arch, Maintainer and
// Description are required.
type Meta struct {
	// Name is a Debian package name.
	Name string
	// Version is the whole version without an epoch: "1.4.0-1~bookworm1".
	Version string
	// Arch is Debian's name of the architecture: "amd64" (see Arch).
	Arch string
	// Maintainer is "Name <mail>".
	Maintainer string
	// Description begins with the synopsis, one line.
	Description string
	// Section and Priority are "misc" and "optional" unless given.
	Section, Priority string
	Homepage          string
	// Depends are Debian relationships: "libc6 (>= 2.34)". One that is there twice
	// is written once, where it comes first.
	Depends []string
	// Components are what the package is made of, for its copyright file.
	Components []Component
}

// Component is a part of a package that has its own author and licence.
type Component struct {
	// Name is a distribution's name, Version its version.
	Name, Version string
	// Source says where it comes from, as people look for it.
	Source string
	// License is an SPDX licence expression, or empty.
	License string
	// Authors are as it names them, and may be empty.
	Authors []string
	// Terms are its own text of the licence, or empty.
	Terms string
	// Files are the paths of the package that are of it.
	Files []string
}

// MetaError says that a field of the metadata is wrong.
type MetaError struct {
	Field, Value, Reason string
	hint                 string
}

func (e *MetaError) Error() string {
	return fmt.Sprintf("the package's %s %q %s", e.Field, e.Value, e.Reason)
}

// Hint says what to do.
func (e *MetaError) Hint() string { return e.hint }

// FileName returns the name by which a package's file goes. An epoch is not part
// of it.
func FileName(m Meta) string {
	return m.Name + "_" + m.Version + "_" + m.Arch + ".deb"
}

// Arch returns Debian's name of one of Go's architectures, for packages that hold
// nothing compiled. The architecture of compiled files is in Libraries.
func Arch(goarch string) (string, error) {
	arch, ok := map[string]string{
		"amd64": "amd64", "386": "i386", "arm64": "arm64", "arm": "armhf", "riscv64": "riscv64", "ppc64le": "ppc64el",
		"s390x": "s390x", "loong64": "loong64", "mips64le": "mips64el", "mipsle": "mipsel",
	}[goarch]
	if !ok {
		return "", &MetaError{"architecture", goarch, "is not one that Debian has", "build on one of Debian's architectures"}
	}
	return arch, nil
}

// Version joins an upstream version, a revision (at least 1) and the release
// that the package was built for ("bookworm"), so that one pool can hold the
// packages of several releases. The tilde keeps it below the plain revision.
// Without a codename there is no such part.
func Version(upstream string, revision int, codename string) string {
	v := fmt.Sprintf("%s-%d", upstream, revision)
	if codename != "" {
		v += "~" + codename + "1"
	}
	return v
}

// The grammars of policy 5.6.1, 5.6.7 and 5.6.12. A version has a revision, so
// that its upstream part may hold hyphens.
const (
	nameGrammar         = `[a-z0-9][a-z0-9+.-]+`
	versionGrammar      = `[0-9][A-Za-z0-9.+~-]*`
	archGrammar         = `[a-z0-9][a-z0-9-]*`
	epochGrammar        = `[0-9]{0,9}`
	relationGrammar     = nameGrammar + `(:[a-z0-9-]+)?( *\( *(<<|<=|=|>=|>>) *([0-9]+:)?` + versionGrammar + ` *\))?`
	relationshipGrammar = relationGrammar + `( *\| *` + relationGrammar + `)*`
)

func (m Meta) check() error {
	for _, f := range []struct{ field, value, grammar, hint string }{
		{"name", m.Name, nameGrammar, "use lower-case letters, digits, + - and ., two characters at least"},
		{"version", m.Version, versionGrammar, "begin with a digit and use letters, digits, . + ~ and -; an epoch is a key of its own"},
		{"architecture", m.Arch, archGrammar, "use Debian's names: amd64, arm64"},
		{"maintainer", m.Maintainer, `[^\n<>]+ <[^\n<> ]+>`, "write maintainer as Name <mail@example.org>"},
		{"section", m.Section, `[a-z0-9-]*(/[a-z0-9-]+)?`, "Debian's sections are listed in its policy, 2.4"},
		{"priority", m.Priority, `[a-z]*`, "optional fits nearly every package"},
		{"homepage", m.Homepage, `[!-~]*`, "write one address"},
	} {
		if err := checkField(f.field, f.value, f.grammar, f.hint); err != nil {
			return err
		}
	}
	if strings.TrimSpace(m.Description) == "" || strings.ContainsAny(m.Description, "\x00\r") {
		return &MetaError{"description", m.Description, "is empty or holds control characters", "write description at the top of the spec"}
	}
	return checkRelationships("dependency", m.Depends)
}

func checkRelationships(field string, values []string) error {
	for _, r := range values {
		err := checkField(field, strings.TrimSpace(r), relationshipGrammar, "write it as Debian does: name (>= 1.0) | other")
		if err != nil {
			return err
		}
	}
	return nil
}

func checkField(field, value, grammar, hint string) error {
	if regexp.MustCompile(`\A(?:` + grammar + `)\z`).MatchString(value) {
		return nil
	}
	return &MetaError{Field: field, Value: value, Reason: "is malformed", hint: hint}
}

// once keeps the first of equal values.
func once(values []string) []string {
	var out []string
	for _, v := range values {
		if v = strings.TrimSpace(v); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
