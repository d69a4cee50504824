package build

import (
	"context"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/internal/system"
)

// System is the Debian system that steps run in, as far as the engine asks it.
type System interface {
	Release() (system.Release, error)
	Packages() (*dpkg.Database, error)
	// Tools returns the programs that build.
	Tools(context.Context, system.Facts) ([]system.Tool, error)
}

// ReadMachine finds out what steps see of the system: the tools by content, the
// installed Debian packages by version.
func ReadMachine(ctx context.Context, sys System, facts system.Facts) (plan.Machine, error) {
	m := plan.Machine{Packages: map[string]string{}}
	release, err := sys.Release()
	if err != nil {
		return m, err
	}
	packages, err := sys.Packages()
	if err != nil {
		return m, err
	}
	m.Release, m.Arch = release.String(), packages.Architecture()
	for _, p := range packages.Packages() {
		own, _ := packages.Package(p.Name) // of several architectures
		m.Packages[p.Name] = own.Version
	}
	tools, err := sys.Tools(ctx, facts)
	for _, t := range tools {
		m.Tools = append(m.Tools, plan.Tool(t))
	}
	return m, err
}
