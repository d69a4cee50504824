package pkgspec

import (
	"fmt"
	"strings"
)

// DefaultArch is the architecture of a target that names none.
const DefaultArch = "amd64"

// Target is a release of a distribution on an architecture.
type Target struct {
	// Release is the distribution's ID of os-release and its version: "debian-12".
	Release string
	// Arch is Debian's name of the architecture.
	Arch string
}

// String writes the target as people do: "debian-12", "debian-13/arm64".
func (t Target) String() string {
	if t.Arch == DefaultArch {
		return t.Release
	}
	return t.Release + "/" + t.Arch
}

// TargetError says that a text doesn't name a target.
type TargetError struct{ Text string }

func (e *TargetError) Error() string { return quote(e.Text) + " is not a valid target" }

// Hint says how targets are written.
func (e *TargetError) Hint() string {
	return fmt.Sprintf("write a release and, unless it is %s, an architecture: debian-12, ubuntu-24.04, debian-13/arm64", DefaultArch)
}

// ParseTarget reads what String writes. The error is a *TargetError.
func ParseTarget(s string) (Target, error) {
	release, arch, named := strings.Cut(s, "/")
	t := Target{Release: release, Arch: DefaultArch}
	if named {
		t.Arch = arch
	}
	if !matches(`[a-z][a-z0-9]*-[a-z0-9][a-z0-9.]*`, t.Release) || !matches(`[a-z][a-z0-9-]*`, t.Arch) || t.String() != s {
		return Target{}, &TargetError{Text: s}
	}
	return t, nil
}

// targetNames are the targets as they are written.
func targetNames(targets []Target) []string {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.String()
	}
	return names
}
