// Package debversion orders Debian versions as dpkg does (deb-version(7)).
package debversion

import (
	"cmp"
	"strings"
)

// Compare returns -1, 0 or 1. Any text has a place in the order, so that a
// damaged file can't stop a program.
func Compare(a, b string) int {
	ea, ua, ra := split(a)
	eb, ub, rb := split(b)
	return cmp.Or(compareNumbers(ea, eb), compareParts(ua, ub), compareParts(ra, rb))
}

// split takes a version apart: epoch, upstream version, revision. A part that
// isn't there is empty, which is equal to 0.
func split(v string) (epoch, upstream, revision string) {
	if i := strings.IndexByte(v, ':'); i >= 0 {
		epoch, v = v[:i], v[i+1:]
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		v, revision = v[:i], v[i+1:]
	}
	return epoch, v, revision
}

// compareParts compares a run of other characters and a run of digits in turn.
func compareParts(a, b string) int {
	for a != "" || b != "" {
		var wordA, wordB, numberA, numberB string
		wordA, a = cut(a, false)
		wordB, b = cut(b, false)
		numberA, a = cut(a, true)
		numberB, b = cut(b, true)
		if c := cmp.Or(compareWords(wordA, wordB), compareNumbers(numberA, numberB)); c != 0 {
			return c
		}
	}
	return 0
}

func cut(s string, digits bool) (run, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r >= '0' && r <= '9') != digits })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func compareWords(a, b string) int {
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(weight(a, i), weight(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

// weight orders characters: tilde, the end, letters, all others.
func weight(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	switch c := s[i]; {
	case c == '~':
		return -1
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return int(c)
	default:
		return int(c) + 256
	}
}

// compareNumbers compares runs of digits of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
