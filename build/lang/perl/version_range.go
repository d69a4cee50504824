package perl

import (
	"errors"
	"fmt"
	"strings"
)

// versionRange is what a requirement says of a version: a list of bounds that
// must all hold. The zero range holds for every version.
type versionRange struct {
	bounds []bound
	text   string
}

type bound struct {
	op string // one of >= > <= < == !=
	v  version
}

var errEmptyBound = errors.New("a version is missing")

// parseRange reads "1.2" (a minimum) and lists such as ">= 1, < 2, != 1.5".
// "" and "undef" are 0.
func parseRange(s string) (versionRange, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "undef" {
		s = "0"
	}
	r := versionRange{text: s}
	for field := range strings.SplitSeq(s, ",") {
		b, err := parseBound(strings.TrimSpace(field))
		if err != nil {
			return versionRange{}, fmt.Errorf("version requirement %q: %w", s, err)
		}
		if b.op != ">=" || !b.v.isZero() {
			r.bounds = append(r.bounds, b)
		}
	}
	return r, nil
}

func parseBound(s string) (bound, error) {
	b := bound{op: ">="}
	for _, op := range []string{">=", "<=", "==", "!=", ">", "<"} {
		if rest, ok := strings.CutPrefix(s, op); ok {
			b.op, s = op, strings.TrimSpace(rest)
			break
		}
	}
	if s == "" {
		return bound{}, errEmptyBound
	}
	var err error
	b.v, err = parseVersion(s)
	return b, err
}

// looseRange reads the requirement of an archive's metadata, where a
// version that can't be read must not make the distribution useless: it means
// any version, as in CPAN::Meta::Requirements' bad_version_hook of the clients.
func looseRange(s string) versionRange {
	r, err := parseRange(s)
	if err != nil {
		return versionRange{text: "0"}
	}
	return r
}

// allows reports whether all bounds hold for v.
func (r versionRange) allows(v version) bool {
	for _, b := range r.bounds {
		if !b.allows(v) {
			return false
		}
	}
	return true
}

func (b bound) allows(v version) bool {
	c := v.compare(b.v)
	switch b.op {
	case ">=":
		return c >= 0
	case ">":
		return c > 0
	case "<=":
		return c <= 0
	case "<":
		return c < 0
	case "==":
		return c == 0
	default:
		return c != 0
	}
}

// any reports whether the range holds for every version.
func (r versionRange) any() bool { return len(r.bounds) == 0 }

// String returns the range as it was written.
func (r versionRange) String() string {
	if r.text == "" {
		return "0"
	}
	return r.text
}

// describe is for messages: "any version", "1.2 or newer", ">= 1, < 2".
func (r versionRange) describe() string {
	switch {
	case r.any():
		return "any version"
	case len(r.bounds) == 1 && r.bounds[0].op == ">=":
		return r.bounds[0].v.String() + " or newer"
	}
	return r.String()
}

// requirement is a module and the versions of it that will do.
type requirement struct {
	module string
	rng    versionRange
}

// String is for errors: "Plack 1.0050", "Plack >= 1, < 2", or just "Plack".
func (r requirement) String() string {
	if r.rng.any() {
		return r.module
	}
	return r.module + " " + r.rng.String()
}
