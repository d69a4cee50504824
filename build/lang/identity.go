package lang

import "github.com/envbuild/envbuild/pkgspec"

// Identifier is a language that knows by which names catalogues of software, of
// licences and of vulnerabilities go for what a lock pins.
type Identifier interface {
	RuntimeIdentity(pin pkgspec.RuntimePin) Identity
	DistributionIdentity(pin pkgspec.Pin) Identity
	// Authors are the people that a distribution names as its authors, as it writes
	// them. tree is the folder with its output. Nothing named is no error.
	Authors(pin pkgspec.Pin, tree string) ([]string, error)
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
