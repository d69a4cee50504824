package deploy

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/health"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/dpkg"
	"github.com/envbuild/envbuild/project"
)

// SystemPath is what a server's PATH is taken for.
const SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// checkHealth looks at what is to be packaged, before anything is written.
func checkHealth(ctx context.Context, p *project.Project, t *Tree, settings *deb.Settings) error {
	search, err := searchPath(t)
	if err != nil {
		return err
	}
	contents := settings.Contents()
	asked := map[string]bool{}
	for _, e := range contents {
		asked[e.Path] = true
	}
	req := health.Request{
		Entries:   slices.Concat(t.project, contents),
		Beside:    t.runtime,
		Prefixes:  []string{t.layout.Prefix},
		System:    p.System(),
		Base:      plan.BasePackages,
		Declared:  declaredPackages(p),
		Path:      search,
		Asked:     asked,
		Unchecked: p.Spec.Package.IsUnchecked,
		Forbidden: buildPaths(p, t),
	}
	if t.layout.release != nil {
		req.Made = []string{t.layout.Current}
	}
	if t.layout.shared != nil {
		req.Prefixes = append(req.Prefixes, t.layout.shared.prefix)
	}
	return health.Check(ctx, req)
}

// checkRuntimeHealth looks at the package of a runtime.
func checkRuntimeHealth(ctx context.Context, p *project.Project, t *Tree) error {
	return health.Check(ctx, health.Request{
		Entries:   t.runtime,
		Prefixes:  []string{t.layout.shared.prefix},
		System:    p.System(),
		Base:      plan.BasePackages,
		Path:      strings.Split(SystemPath, ":"),
		Unchecked: p.Spec.Package.IsUnchecked,
		Forbidden: buildPaths(p, t),
	})
}

// declaredPackages names the Debian packages that the spec declares: those that it
// gives to single builds, and those that it makes the package depend on.
func declaredPackages(p *project.Project) []string {
	names := p.Languages().SystemPackages(p.Spec)
	for _, relationship := range p.Spec.Package.Depends {
		names = append(names, dpkg.Names(relationship)...)
	}
	return names
}

// searchPath is PATH on the server, inside the package's environment.
func searchPath(t *Tree) ([]string, error) {
	list, err := t.environment.Assignments([]string{"PATH=" + SystemPath}, env.Overlay{})
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Name == "PATH" {
			return strings.Split(a.Value, ":"), nil
		}
	}
	return strings.Split(SystemPath, ":"), nil
}

// buildPaths are the paths of the machine that builds.
func buildPaths(p *project.Project, t *Tree) []string {
	views := filepath.Dir(project.LocalViewPath(p.Store)) + "/"
	return slices.Concat(t.builds, []string{plan.WorkPath, views}, p.Store.PrivatePaths())
}
