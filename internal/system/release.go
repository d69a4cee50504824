package system

import (
	"os"
	"strings"
)

// Release is a release of a distribution.
type Release struct {
	// ID is the distribution's: "debian". VersionID is "12", or empty where the
	// release has no number yet.
	ID, VersionID string
	// Codename is "bookworm".
	Codename string
}

// String returns the release's name: "debian-12".
func (r Release) String() string {
	if r.VersionID == "" {
		return r.ID
	}
	return r.ID + "-" + r.VersionID
}

func (m *Machine) readRelease() (Release, error) {
	data, err := os.ReadFile(m.root.Host("/etc/os-release"))
	return parseRelease(string(data)), err
}

// parseRelease reads os-release(5). The values that are of use here hold nothing
// that quotes would protect.
func parseRelease(text string) Release {
	var r Release
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch name {
		case "ID":
			r.ID = value
		case "VERSION_ID":
			r.VersionID = value
		case "VERSION_CODENAME":
			r.Codename = value
		}
	}
	return r
}
