package pkgspec

import (
	"path"
	"strings"
)

// Includes reports whether the application holds the file with this
// slash-separated path below the spec's folder. A pattern that matches a folder
// stands for all that is in it, in Files and in Exclude alike.
func (a *App) Includes(name string) bool {
	return covers(a.Files, name) && !covers(a.Exclude, name)
}

// IsUnchecked reports whether the health check passes over a path on the server.
func (p *Package) IsUnchecked(path string) bool {
	return covers(p.Unchecked, path)
}

// covers reports whether a pattern matches name or a folder above it.
func covers(patterns []string, name string) bool {
	elements := strings.Split(name, "/")
	for _, p := range patterns {
		if coversElements(strings.Split(strings.TrimSuffix(p, "/"), "/"), elements) {
			return true
		}
	}
	return false
}

func coversElements(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return true
	case pattern[0] == "**":
		return coversElements(pattern[1:], name) || len(name) > 0 && coversElements(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return err == nil && ok && coversElements(pattern[1:], name[1:])
}
