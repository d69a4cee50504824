package repo

import "strings"

// stateDir holds what publishers need and clients never ask for.
const stateDir = ".envbuild/"

// Immutable reports whether a file of that name never changes: the pool, and what
// is named by its content. A storage may tell caches so. The others (Release,
// InRelease, indexes under their plain names) must be asked for anew each time.
func Immutable(name string) bool {
	switch {
	case strings.HasPrefix(name, "pool/"):
		return true
	case strings.HasPrefix(name, "dists/"):
		return strings.Contains(name, "/by-hash/")
	case strings.HasPrefix(name, stateDir):
		return strings.Count(name, "/") > 1
	}
	return false
}
