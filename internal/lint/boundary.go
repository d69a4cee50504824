package main

import (
	"path"
	"regexp"
	"strings"
)

// boundaries are arrows that imports don't show.
func boundaries() []rule {
	return []rule{
		{
			pattern: regexp.MustCompile(`"/?(etc/os-release|var/lib/dpkg|etc/apt)\b|exec\.LookPath\(|dpkg\.Open\(|system\.Open\("/"\)`),
			advice:  "only internal/system and internal/dpkg read the machine; ask the system that the caller was given",
			covers: func(name string) bool {
				return program(name) && !strings.HasPrefix(name, "internal/system/") && !strings.HasPrefix(name, "internal/dpkg/")
			},
		},
		{
			pattern: regexp.MustCompile(`\bstore\.(Store|Open)\b`),
			advice:  "the engine knows its store by small interfaces, so that a shared cache can be one",
			covers:  func(name string) bool { return program(name) && path.Dir(name) == "build" },
		},
		{
			pattern: regexp.MustCompile(`interface\s*\{\s*Hint\(\) string`),
			advice:  "call hint.Of",
			covers:  func(name string) bool { return program(name) && !strings.HasPrefix(name, "internal/hint/") },
		},
	}
}

// program tells whether a file is Go code that isn't only for tests.
func program(name string) bool {
	return path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") && !ofTests(name) && !strings.HasPrefix(name, "internal/lint/")
}
