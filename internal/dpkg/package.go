package dpkg

import (
	"strings"

	"github.com/envbuild/envbuild/internal/deb822"
)

// Package is a package that dpkg knows.
type Package struct {
	Name, Version, Architecture string
	// MultiArch is "same", "foreign", "allowed", or "".
	MultiArch string
	Status    Status
	// Essential says that the package must always be there.
	Essential bool
	// Priority is "required", "important", "standard", "optional", or "".
	Priority string

	preDepends, depends, provides string
}

// Status is what is wanted of a package and what has become of it:
// "install ok installed".
type Status struct{ Want, Flag, State string }

// Installed reports whether the package is installed and configured.
func (s Status) Installed() bool { return s.State == "installed" }

// Depends returns what the package needs, to be unpacked or to be configured.
func (p Package) Depends() []Alternatives {
	return append(ParseRelations(p.preDepends), ParseRelations(p.depends)...)
}

// Provides returns the virtual packages that the package stands for.
func (p Package) Provides() []string { return Names(p.provides) }

// Everywhere reports whether every Debian system has the package: it is essential,
// or its priority is required.
func (p Package) Everywhere() bool { return p.Essential || p.Priority == "required" }

// parsePackage reads a paragraph of the status file. dpkg writes the names of
// fields in one form only.
func parsePackage(fields deb822.Paragraph) Package {
	var p Package
	for _, f := range fields {
		switch f.Name {
		case "Package":
			p.Name = f.Value
		case "Version":
			p.Version = f.Value
		case "Architecture":
			p.Architecture = f.Value
		case "Multi-Arch":
			p.MultiArch = f.Value
		case "Status":
			p.Status = parseStatus(f.Value)
		case "Essential":
			p.Essential = f.Value == "yes"
		case "Priority":
			p.Priority = f.Value
		case "Pre-Depends":
			p.preDepends = f.Value
		case "Depends":
			p.depends = f.Value
		case "Provides":
			p.provides = f.Value
		}
	}
	return p
}

func parseStatus(value string) Status {
	words := append(strings.Fields(value), "", "", "")
	return Status{words[0], words[1], words[2]}
}
