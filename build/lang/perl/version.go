package perl

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// version is a perl version as version.pm compares them. "1.2" is a decimal and
// means 1.200; "v1.2" and "1.2.0" are dotted and mean 1.002. The zero version is
// that of a module without one.
type version struct {
	parts []uint64 // without zeros at the end
	text  string
}

// parseVersion reads the forms that version.pm accepts. "undef" and "" are the
// zero version.
func parseVersion(s string) (version, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "undef" {
		return version{text: "0"}, nil
	}
	rest, hasV := strings.CutPrefix(s, "v")
	// An underscore only says "developer release": 1.02_03 equals 1.0203.
	digits := strings.ReplaceAll(rest, "_", "")
	if err := checkVersion(rest, digits); err != nil {
		return version{}, fmt.Errorf("version %q: %w", s, err)
	}
	v := version{text: s}
	if hasV || strings.Count(digits, ".") > 1 {
		v.parts = dottedParts(digits)
	} else {
		v.parts = decimalParts(digits)
	}
	for len(v.parts) > 0 && v.parts[len(v.parts)-1] == 0 {
		v.parts = v.parts[:len(v.parts)-1]
	}
	return v, nil
}

func checkVersion(rest, digits string) error {
	for _, c := range []byte(digits) {
		if (c < '0' || c > '9') && c != '.' {
			return fmt.Errorf("%q is neither a digit nor a dot", c)
		}
	}
	switch {
	case strings.Trim(digits, ".") == "":
		return fmt.Errorf("no digits")
	case strings.Contains(digits, ".."):
		return fmt.Errorf("two dots in a row")
	case strings.HasPrefix(rest, "_") || strings.HasSuffix(rest, "_") || strings.Contains(rest, "__"):
		return fmt.Errorf("an underscore stands between two digits")
	}
	return nil
}

func dottedParts(s string) []uint64 {
	var parts []uint64
	for field := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		parts = append(parts, parseSaturating(field))
	}
	return parts
}

// decimalParts splits the fraction into groups of three digits, the last one
// filled up: 1.2345 is 1, 234, 500.
func decimalParts(s string) []uint64 {
	whole, fraction, _ := strings.Cut(s, ".")
	parts := []uint64{parseSaturating(whole)}
	for ; fraction != ""; fraction = fraction[min(3, len(fraction)):] {
		group := (fraction + "00")[:3]
		parts = append(parts, parseSaturating(group))
	}
	return parts
}

// parseSaturating reads digits. version.pm gives up above 2³¹; dates with a time, which
// some distributions have for a version, are worth comparing.
func parseSaturating(digits string) uint64 {
	if digits == "" {
		return 0
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return math.MaxUint64
	}
	return n
}

// looseVersion reads what an index or an archive says of itself, where anything
// can stand: of "1.2-TRIAL" it takes "1.2", as perl's numbers do.
func looseVersion(s string) version {
	s = strings.TrimSpace(s)
	// No real version is longer than 64 bytes.
	for end := min(len(s), 64); end > 0; end-- {
		if v, err := parseVersion(s[:end]); err == nil {
			return v
		}
	}
	return version{text: "0"}
}

// compare returns -1, 0 or +1. Missing parts are zeros.
func (v version) compare(w version) int { return slices.Compare(v.parts, w.parts) }

// String returns the version as it was written.
func (v version) String() string {
	if v.text == "" {
		return "0"
	}
	return v.text
}

// isZero reports whether the version is that of a module without one.
func (v version) isZero() bool { return len(v.parts) == 0 }
