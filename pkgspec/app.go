package pkgspec

import (
	"path"
	"strings"
)

// Includes reports whether the application holds the file with this
// slash-separated path below the spec's directory. A pattern that matches a directory
// stands for all that is in it, in Files and in Exclude alike.
func (a *App) Includes(name string) bool {
	return covers(a.Files, name) && !covers(a.Exclude, name)
}

// IsUnchecked reports whether the health check passes over a path on the server.
func (p *Package) IsUnchecked(path string) bool {
	return covers(p.Unchecked, path)
}

// covers reports whether a pattern matches name or a directory above it.
func covers(patterns []string, name string) bool {
	elements := strings.Split(name, "/")
	for _, p := range patterns {
		if coversElements(strings.Split(strings.TrimSuffix(p, "/"), "/"), elements) {
			return true
		}
	}
	return false
}

// coversElements takes time in proportion to the product of both lengths: of
// several ** only the last needs another try.
func coversElements(pattern, name []string) bool {
	star, resume := -1, 0 // the last ** and the element at which it ends
	for p, n := 0, 0; p < len(pattern); {
		switch {
		case pattern[p] == "**":
			star, resume = p, n
			p++
		case n < len(name) && elementMatches(pattern[p], name[n]):
			p, n = p+1, n+1
		case star >= 0 && resume < len(name):
			resume++
			p, n = star+1, resume
		default:
			return false
		}
	}
	return true
}

func elementMatches(pattern, element string) bool {
	ok, err := path.Match(pattern, element)
	return err == nil && ok
}
