package main

import (
	"path"
	"regexp"
	"strings"
)

// vocabulary is what a program can see of the project's English.
func vocabulary() []rule {
	// Words of a sentence may be wrapped, with a comment's mark between them.
	sentence := func(text string) *regexp.Regexp {
		return regexp.MustCompile(strings.ReplaceAll(text, " ", `[\s/#;]+`))
	}
	return []rule{
		{
			pattern: sentence(`\b(?i:is|are|was|were) no [A-Za-z%]+`),
			allow: sentence(`(?i)\bthere (is|are|was|were) no |\b(is|are|was|were) there no |` +
				` no (longer|more|less|fewer|better|worse|(small|larg|bigg|fast|slow|lat|earli|old|new)er|one|doubt)$`),
			advice: `write "is not a …", "isn't …" or "… is not a valid …"`,
			covers: written,
		},
		{
			pattern: sentence(`\b(?i:is|are|was|were) none\b`),
			allow:   sentence(`(?i)\bthere (is|are|was|were) none$`),
			advice:  `write "is not a …", or "expected …, got …"`,
			covers:  written,
		},
		{
			pattern: sentence(`\b(?i:is|are|was|were|stands?|lies?) in the way\b`),
			advice:  `write "already exists and is not a …"`,
			covers:  written,
		},
		{
			pattern: sentence(`\b(?i:somebody|someone) (was|is) faster\b`),
			advice:  `write who did what first: "another publisher created it first"`,
			covers:  written,
		},
		{
			pattern: regexp.MustCompile(`(?i)folder`),
			advice:  `write "directory"`,
			covers:  func(name string) bool { return written(name) && !forBeginners(name) },
		},
	}
}

// written tells whether people wrote a file's words: code, scripts, templates,
// what tests expect, and docs. This program is left out: it says what it looks for.
func written(name string) bool {
	if strings.HasPrefix(name, "internal/lint/") {
		return false
	}
	switch path.Ext(name) {
	case ".go", ".md", ".tmpl", ".sh", ".txtar", ".golden", ".yaml", ".yml", ".mod":
		return true
	}
	return path.Base(name) == "Makefile" || strings.HasPrefix(name, ".ci/") && path.Ext(name) == ""
}

// forBeginners tells whether a file is prose for readers who may call a directory
// a folder.
func forBeginners(name string) bool {
	return path.Base(name) == "README.md" || strings.HasPrefix(name, "docs/tutorial")
}
