package main

import (
	"path"
	"regexp"
	"strings"
)

// languages is the rule that a language is known in build/lang/LANGUAGE, in its
// files of pkgspec and in tests, and nowhere else.
func languages() []rule {
	return []rule{{
		// "properly" and "superlinear" have a perl in them that nobody means.
		pattern: regexp.MustCompile(`(?i)[a-z]*perl[a-z]*|cpan|carton|start_server|server::starter`),
		allow:   regexp.MustCompile(`(?i)(properly|superl[a-z]*|paperl[a-z]*)$`),
		advice:  "only a language's own package knows it; ask it through an interface of build/lang",
		covers:  knowsNoLanguage,
	}}
}

// knowsNoLanguage tells whether a file must work for every language.
func knowsNoLanguage(name string) bool {
	switch {
	case strings.HasPrefix(name, "build/lang/") && strings.Count(name, "/") > 2,
		strings.HasPrefix(name, "pkgspec/perl"), // that language's section of the spec
		strings.HasPrefix(name, "internal/lint/"),
		strings.HasSuffix(name, "_test.go"),
		ofTests(name):
		return false
	}
	return path.Ext(name) == ".go" || path.Ext(name) == ".tmpl"
}

// ofTests tells whether a file is in a directory that only tests use: testdata, or
// one whose name ends in test.
func ofTests(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if part == "testdata" || strings.HasSuffix(part, "test") {
			return true
		}
	}
	return false
}
