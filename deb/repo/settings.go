package repo

import (
	"slices"
	"strings"
)

// Settings are what a distribution is. They are a part of every generation.
type Settings struct {
	// Distribution is the name by which sources ask for it, a codename: "bookworm".
	Distribution string `json:"distribution"`
	// Suite is another name, for people: "stable". It may be empty.
	Suite string `json:"suite,omitempty"`
	// Origin and Label name the repository. Clients refuse a change of them.
	Origin string `json:"origin"`
	Label  string `json:"label"`
	// Description is one line, or empty.
	Description string `json:"description,omitempty"`
	// Components and Architectures are in the order of the release file.
	Components    []string `json:"components"`
	Architectures []string `json:"architectures"`
	// Contents says that there are indexes of the packages' files.
	Contents bool `json:"contents,omitempty"`
	// OnlyCompressed says that indexes are not stored uncompressed. apt doesn't
	// ask for such; other programs may.
	OnlyCompressed bool `json:"only_compressed,omitempty"`
}

func validComponent(s string) bool {
	return s != "" && len(s) <= 60 && isAlnum(s[0]) && isLower(s, "-._")
}

func (s Settings) check() error {
	switch {
	case !validDist(s.Distribution):
		return badDistribution(s.Distribution)
	case len(s.Components) == 0:
		return &SettingsError{"component", "", "is missing", "main is the usual one"}
	case len(s.Architectures) == 0:
		return &SettingsError{"architecture", "", "is missing", "name those of the servers: amd64, arm64"}
	}
	for _, f := range []struct{ name, value string }{
		{"suite", s.Suite}, {"origin", s.Origin}, {"label", s.Label}, {"description", s.Description},
	} {
		if strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.TrimSpace(f.value) != f.value {
			return &SettingsError{f.name, f.value, "holds control characters or outer spaces", "write one line"}
		}
	}
	for i, c := range s.Components {
		if !validComponent(c) || slices.Contains(s.Components[:i], c) {
			return &SettingsError{"component", c, "is not a valid name, or is named twice", "use lower-case letters, digits and -"}
		}
	}
	for i, a := range s.Architectures {
		if !validArch(a) || slices.Contains(s.Architectures[:i], a) {
			return &SettingsError{"architecture", a, "is not a valid name, or is named twice", "use Debian's names: amd64, arm64"}
		}
		if a == allArch || a == "source" || a == "any" {
			return &SettingsError{"architecture", a, "needs no index", "packages for all architectures are listed for each"}
		}
	}
	return nil
}

func badDistribution(name string) error {
	return &SettingsError{"distribution", name, "is not a valid name", "use a codename: bookworm"}
}
