package lang

import "github.com/envbuild/envbuild/pkgspec"

// Identifier is a language that knows by which names catalogues of software, of
// licences and of vulnerabilities go for what a lock pins.
type Identifier interface {
	RuntimeIdentity(pin pkgspec.RuntimePin) Identity
	DistributionIdentity(pin pkgspec.Pin) Identity
	// Notice reads what a distribution says of its authors and terms from tree, the
	// directory with its output. A distribution that says nothing
	// is not an error.
	Notice(pin pkgspec.Pin, tree string) (Notice, error)
}

// Notice is what whoever hands a distribution on has to hand on with it.
type Notice struct {
	// Authors are the people that it names as such, as it writes them.
	Authors []string
	// Terms are its own files on its licence, joined.
	Terms string
}

// Identity is what catalogues call a part.
type Identity struct {
	// PURL is a package URL (github.com/package-url/purl-spec).
	PURL string
	// CPE is a name in the form of CPE 2.3, or empty.
	CPE string
	// License is an SPDX licence expression, or empty.
	License string
	// Authors are those of a runtime.
	Authors []string
}
