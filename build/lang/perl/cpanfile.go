package perl

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// cpanfile is what a cpanfile says, whatever way it was read.
type cpanfile struct {
	requirements []cpanRequirement
	// mirrors are the addresses of mirror statements, in order.
	mirrors  []string
	features []string
}

// relation says what a requirement means.
type relation string

const (
	relRequires   relation = "requires"
	relRecommends relation = "recommends"
	relSuggests   relation = "suggests"
	relConflicts  relation = "conflicts"
)

// cpanRequirement is one line of a cpanfile.
type cpanRequirement struct {
	requirement
	phase    string // configure, build, runtime, test or develop
	relation relation
	feature  string // "" outside a feature's block
	// dist, url, mirror and git are the options of the same names, or "".
	dist, url, mirror, git string
	place                  place
}

// place is where something stands in a file.
type place struct {
	file      string
	line, col int
}

// String is for messages: "cpanfile:3:10". A column of 0 is unknown.
func (p place) String() string {
	if p.col == 0 {
		return fmt.Sprintf("%s:%d", p.file, p.line)
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col)
}

func (p place) errorf(hint, format string, args ...any) *SyntaxError {
	return newSyntaxError(p, hint, format, args...)
}

// SecretError says that a cpanfile has an address with a user name or a password,
// which the lock and the packages would show to everybody.
type SecretError struct{ Where string }

func (e *SecretError) Error() string {
	return e.Where + ": the address holds a user name or a password"
}

// Hint says what to do.
func (e *SecretError) Hint() string { return "put them into ~/.netrc: the lock is committed" }

// checkAddresses fails with a *SecretError.
func (c *cpanfile) checkAddresses(file string) error {
	for _, m := range c.mirrors {
		if hasSecret(m) {
			return &SecretError{file}
		}
	}
	for _, r := range c.requirements {
		if hasSecret(r.url) || hasSecret(r.mirror) {
			return &SecretError{r.place.String()}
		}
	}
	return nil
}

func hasSecret(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return strings.Contains(address, "@")
	}
	return u.User != nil
}

// phaseOf maps the names of statements such as test_requires to phases.
func phaseOf(statement string) (string, bool) {
	switch statement {
	case "configure_requires":
		return "configure", true
	case "build_requires":
		return "build", true
	case "test_requires":
		return "test", true
	case "author_requires":
		return "develop", true
	}
	return "", false
}

func isPhase(name string) bool {
	return slices.Contains([]string{"configure", "build", "runtime", "test", "develop"}, name)
}

// selected returns the required modules of the phases that are not left out and
// of the features that are on, in the file's order.
func (c *cpanfile) selected(without, features []string) []cpanRequirement {
	return c.filter(relRequires, without, features)
}

// conflicts returns the modules and versions that must not be there.
func (c *cpanfile) conflicts(without, features []string) []cpanRequirement {
	return c.filter(relConflicts, without, features)
}

func (c *cpanfile) filter(rel relation, without, features []string) []cpanRequirement {
	var out []cpanRequirement
	for _, r := range c.requirements {
		on := r.feature == "" || slices.Contains(features, r.feature)
		if r.relation == rel && on && !slices.Contains(without, r.phase) {
			out = append(out, r)
		}
	}
	return out
}

// add checks a requirement and appends it. version is as written.
func (c *cpanfile) add(r cpanRequirement, version string) error {
	if !isModuleName(r.module) {
		return r.place.errorf("write a module's name, such as 'Plack::Builder', not a distribution's",
			"%q is not a valid module name", r.module)
	}
	rng, err := parseRange(version)
	if err != nil {
		return r.place.errorf("write a version such as '1.05' or a list such as '>= 1, < 2, != 1.5'",
			"%s: %v", r.module, err)
	}
	r.rng = rng
	c.requirements = append(c.requirements, r)
	return nil
}

// isModuleName accepts perl identifiers joined by "::".
func isModuleName(s string) bool {
	fresh := true // at the beginning of an identifier
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
			fresh = false
		case c >= '0' && c <= '9':
			if i == 0 {
				return false
			}
			fresh = false
		case c == ':' && !fresh && i+1 < len(s) && s[i+1] == ':':
			fresh = true
			i++
		default:
			return false
		}
	}
	return !fresh
}
