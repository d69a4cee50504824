package perl

import (
	"regexp"
	"slices"
	"strings"
)

// cpanLicenses are the words of CPAN::Meta::Spec for licences, and the older ones
// of META 1.x as CPAN::Meta::Converter reads them, in SPDX's words. What leaves
// the terms open has a name of its own; "unknown" says nothing.
func cpanLicenses() map[string]string {
	return map[string]string{
		"agpl_3":       "AGPL-3.0-only",
		"apache":       "Apache-2.0",
		"apache_1_1":   "Apache-1.1",
		"apache_2_0":   "Apache-2.0",
		"artistic":     "Artistic-1.0",
		"artistic_1":   "Artistic-1.0",
		"artistic_2":   "Artistic-2.0",
		"artistic2":    "Artistic-2.0",
		"bsd":          "BSD-3-Clause",
		"freebsd":      "BSD-2-Clause",
		"gfdl_1_2":     "GFDL-1.2-only",
		"gfdl_1_3":     "GFDL-1.3-only",
		"gpl":          "LicenseRef-CPAN-open-source", // no version, no licence: so the converter
		"gpl_1":        "GPL-1.0-only",
		"gpl_2":        "GPL-2.0-only",
		"gpl_3":        "GPL-3.0-only",
		"lgpl":         "LicenseRef-CPAN-open-source",
		"lgpl_2_1":     "LGPL-2.1-only",
		"lgpl_3_0":     "LGPL-3.0-only",
		"mit":          "MIT",
		"mozilla":      "LicenseRef-CPAN-open-source",
		"mozilla_1_0":  "MPL-1.0",
		"mozilla_1_1":  "MPL-1.1",
		"openssl":      "OpenSSL",
		"perl":         perlLicense,
		"perl_5":       perlLicense,
		"qpl_1_0":      "QPL-1.0",
		"ssleay":       "SSLeay-standalone",
		"sun":          "SISSL",
		"zlib":         "Zlib",
		"open_source":  "LicenseRef-CPAN-open-source",
		"restricted":   "LicenseRef-CPAN-restricted",
		"restrictive":  "LicenseRef-CPAN-restricted",
		"unrestricted": "LicenseRef-CPAN-unrestricted",
	}
}

// perlLicense is perl's own: "the same terms as the Perl 5 programming language".
const perlLicense = "Artistic-1.0-Perl OR GPL-1.0-or-later"

// licenseOf returns what META says of the licence as an SPDX expression, or
// nothing. Of several licences META doesn't say whether they are to choose from or
// are those of different files, so all of them count.
func licenseOf(doc map[string]any) string {
	if e := textOf(doc["x_spdx_expression"]); isSPDX(e) {
		return e
	}
	words, ok := doc["license"].([]any)
	if !ok {
		words = []any{doc["license"]}
	}
	var out []string
	for _, w := range words {
		e := cpanLicenses()[textOf(w)]
		if e == "" || slices.Contains(out, e) {
			continue
		}
		out = append(out, e)
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	for i, e := range out {
		if strings.Contains(e, " ") {
			out[i] = "(" + e + ")"
		}
	}
	return strings.Join(out, " AND ")
}

// isSPDX reports whether s has the form of an SPDX licence expression.
func isSPDX(s string) bool {
	depth := 0
	operand := true // what has to come next
	for _, token := range regexp.MustCompile(`[()]|[^\s()]+`).FindAllString(s, -1) {
		isOperator := slices.Contains([]string{"AND", "OR", "WITH"}, token)
		switch {
		case token == "(" && operand:
			depth++
		case token == ")" && !operand && depth > 0:
			depth--
		case isOperator && !operand:
			operand = true
		case operand && !isOperator && regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.:-]*\+?$`).MatchString(token):
			operand = false
		default:
			return false
		}
	}
	return depth == 0 && !operand
}
