package main

import (
	"fmt"
	"regexp"
	"strings"
)

// rule is a pattern that must not be met in the files it covers.
type rule struct {
	pattern *regexp.Regexp
	// allow matches findings, with what stands before them on up to 20 bytes, that
	// are fine after all. It may be nil.
	allow *regexp.Regexp
	// advice is printed with each finding.
	advice string
	covers func(path string) bool
}

// finding is one place where a rule is broken.
type finding struct {
	path   string
	line   int
	text   string
	advice string
}

// String is the form that editors jump to.
func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %q: %s", f.path, f.line, f.text, f.advice)
}

// check finds every place in a file's text where the rule is broken.
func (r rule) check(path, text string) []finding {
	var findings []finding
	for _, at := range r.pattern.FindAllStringIndex(text, -1) {
		if r.allow != nil && r.allow.MatchString(text[max(0, at[0]-20):at[1]]) {
			continue
		}
		findings = append(findings, finding{
			path:   path,
			line:   1 + strings.Count(text[:at[0]], "\n"),
			text:   strings.Join(strings.Fields(text[at[0]:at[1]]), " "),
			advice: r.advice,
		})
	}
	return findings
}
