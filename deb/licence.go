package deb

import (
	"regexp"
	"slices"
	"strings"
)

// licence is one licence, as Debian calls it.
type licence struct {
	// name is the short name of DEP-5, or SPDX's where there is none.
	name string
	// title is what people call it.
	title string
	// common is its file in /usr/share/common-licenses, or empty.
	common string
	// spdx is its identifier.
	spdx string
}

// licenceOf returns what is known of an SPDX identifier.
func licenceOf(id string) licence {
	known := []licence{
		{"Apache-2.0", "Apache License 2.0", "Apache-2.0", "Apache-2.0"},
		{"Artistic", "Artistic License", "Artistic", "Artistic-1.0"},
		{"Artistic", "Artistic License", "Artistic", "Artistic-1.0-Perl"},
		{"BSD-2-clause", "BSD licence of two clauses", "", "BSD-2-Clause"},
		{"BSD-3-clause", "BSD licence of three clauses", "", "BSD-3-Clause"},
		{"BSD-4-clause", "BSD licence of four clauses", "", "BSD-4-Clause"},
		{"CC0", "Creative Commons Zero 1.0", "CC0-1.0", "CC0-1.0"},
		{"Expat", "MIT licence", "", "MIT"},
		{"MPL-1.1", "Mozilla Public License 1.1", "MPL-1.1", "MPL-1.1"},
		{"MPL-2.0", "Mozilla Public License 2.0", "MPL-2.0", "MPL-2.0"},
	}
	i := slices.IndexFunc(known, func(l licence) bool { return l.spdx == id })
	if i >= 0 {
		return known[i]
	}
	if l, ok := gnuLicence(id); ok {
		return l
	}
	name := strings.TrimPrefix(id, "LicenseRef-")
	return licence{name: name, title: name, spdx: id}
}

// gnuLicence knows the licences that have a version "or later".
func gnuLicence(id string) (licence, bool) {
	m := regexp.MustCompile(`^(GPL|LGPL|GFDL)-([0-9]+)\.([0-9]+)(-only|-or-later|\+)?$`).FindStringSubmatch(id)
	if m == nil {
		return licence{}, false
	}
	titles := map[string]string{
		"GPL": "GNU General Public License", "LGPL": "GNU Lesser General Public License", "GFDL": "GNU Free Documentation License",
	}
	version := m[2]
	if m[3] != "0" {
		version += "." + m[3]
	}
	l := licence{name: m[1] + "-" + version, title: titles[m[1]] + ", version " + version, common: m[1] + "-" + version, spdx: id}
	files := []string{"GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3", "GFDL-1.2", "GFDL-1.3"}
	if !slices.Contains(files, l.common) {
		l.common = ""
	}
	if m[4] == "-or-later" || m[4] == "+" {
		l.name += "+"
		l.title += " or any later version"
	}
	return l, true
}

// text says what the licence is and where its text is.
func (l licence) text() string {
	switch {
	case l.common != "":
		return "The " + l.title + ".\nOn Debian systems its text is in /usr/share/common-licenses/" + l.common + "."
	case strings.HasPrefix(l.spdx, "LicenseRef-"):
		return "The metadata of the part says no more than that. Its documentation has the terms."
	}
	return "The " + l.title + ". The documentation of the part has its text, and so has\nhttps://spdx.org/licenses/" + l.spdx + ".html."
}

// expression is an SPDX licence expression: a licence, or several joined.
type expression struct {
	id, exception string
	// join is "OR" or "AND" for the expressions in.
	join string
	in   []*expression
}

// parseExpression returns nil for what is empty or no expression.
func parseExpression(s string) *expression {
	p := expressionParser{tokens: regexp.MustCompile(`[()]|[^\s()]+`).FindAllString(s, -1)}
	e := p.alternatives(0)
	if len(p.tokens) > 0 {
		return nil
	}
	return e
}

type expressionParser struct{ tokens []string }

// take takes the next token if it is the given one.
func (p *expressionParser) take(token string) bool {
	if len(p.tokens) == 0 || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *expressionParser) alternatives(depth int) *expression {
	return p.joined("OR", func() *expression {
		return p.joined("AND", func() *expression { return p.single(depth) })
	})
}

func (p *expressionParser) joined(by string, next func() *expression) *expression {
	first := next()
	e := &expression{join: by, in: []*expression{first}}
	for first != nil && p.take(by) {
		more := next()
		if more == nil {
			return nil
		}
		e.in = append(e.in, more)
	}
	if len(e.in) == 1 {
		return first
	}
	return e
}

func (p *expressionParser) single(depth int) *expression {
	const deepest = 50
	if p.take("(") {
		if depth == deepest {
			return nil
		}
		e := p.alternatives(depth + 1)
		if !p.take(")") {
			return nil
		}
		return e
	}
	if len(p.tokens) == 0 || slices.Contains([]string{")", "AND", "OR", "WITH"}, p.tokens[0]) {
		return nil
	}
	e := &expression{id: p.tokens[0]}
	p.tokens = p.tokens[1:]
	if p.take("WITH") {
		if len(p.tokens) == 0 {
			return nil
		}
		e.exception, p.tokens = p.tokens[0], p.tokens[1:]
	}
	return e
}

// ids lists the licences of an expression.
func (e *expression) ids() []string {
	if e.id != "" {
		return []string{e.id}
	}
	var out []string
	for _, in := range e.in {
		out = append(out, in.ids()...)
	}
	return out
}

// debian writes the expression as DEP-5 does: "and" binds before "or", and a
// comma before an "and" binds last.
func (e *expression) debian() string {
	if e.id != "" {
		name := licenceOf(e.id).name
		if e.exception != "" {
			name += " with " + e.exception + " exception"
		}
		return name
	}
	between := " " + strings.ToLower(e.join) + " "
	var parts []string
	for _, in := range e.in {
		if e.join == "AND" && in.join == "OR" {
			between = ", and "
		}
		parts = append(parts, in.debian())
	}
	return strings.Join(parts, between)
}
