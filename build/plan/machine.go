package plan

import "github.com/envbuild/envbuild/internal/digest"

// Machine is the build machine as the root that steps see.
type Machine struct {
	// Arch is Debian's name of the architecture: "amd64".
	Arch string
	// Release names the distribution's release: "debian-12".
	Release string
	// Tools are the programs that build, by content.
	Tools []Tool
	// Packages holds the versions of installed Debian packages by name. A step's
	// key has those of BasePackages and of its SysPackages.
	Packages map[string]string
}

// Tool is a program of the host, named by its content.
type Tool struct {
	Path   string
	SHA256 digest.SHA256
}

// BasePackages are the Debian packages that every step may compile and link
// against without declaring them (design.md §2.4).
var BasePackages = []string{
	"libc6", "libc6-dev", "libcrypt1", "libcrypt-dev", "libgcc-s1", "libstdc++6", "linux-libc-dev",
}

// Inputs are the architecture, the release, the tools, and the versions of the
// packages that the step may read.
func (m Machine) Inputs(s *Step) []Input {
	in := []Input{{Name: "machine", Values: []string{m.Arch, m.Release}}}
	for _, t := range m.Tools {
		in = append(in, Input{Name: "tool " + t.Path, Values: []string{t.SHA256.String()}})
	}
	for _, p := range append(append([]string(nil), BasePackages...), s.SysPackages...) {
		in = append(in, Input{Name: "package " + p, Values: []string{m.Packages[p]}})
	}
	return in
}
