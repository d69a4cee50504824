package deploy

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/deploy/tarball"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/project"
)

// Tarball builds a project and writes the tree of a package as a tarball that runs
// wherever it is unpacked. given is the application's version, whatever the spec
// says; empty leaves it to the spec. It returns the path.
func Tarball(ctx context.Context, p *project.Project, dir, given string) (string, error) {
	version, err := p.Version(ctx, given)
	if err != nil {
		return "", err
	}
	b, err := p.Build(ctx, project.BuildOptions{})
	if err != nil {
		return "", err
	}
	outputs, err := readOutputs(ctx, p, b)
	if err != nil {
		return "", err
	}
	t, err := makeTree(ctx, p, b, outputs, newLayout(p.Spec.App, p.Layout(b).Directories, tarball.Prefix), version)
	if err != nil {
		return "", err
	}
	sbom, err := newSBOM(deb.Meta{Name: p.Spec.Name, Version: version, Maintainer: p.Spec.Maintainer}, t.parts, t.date)
	if err != nil {
		return "", err
	}
	sbom.Path = filepath.Join(tarball.Prefix, filepath.Base(sbom.Path))
	arch, err := shlibs.Arch(deb.ELFFiles(t.project))
	if err != nil {
		return "", err
	}
	if arch == "" {
		arch = "all"
	}
	// The tarball has an env.sh of its own, which knows that it can be moved.
	entries := slices.DeleteFunc(append(t.Project(), sbom), func(e tree.Entry) bool { return e.Path == t.layout.Script })
	name := fmt.Sprintf("%s-%s-%s", p.Spec.Name, version, arch)
	req := tarball.Request{
		Name: name, Entries: entries, Shell: []string{t.layout.RC}, Time: t.date,
		Tails: tails(t.layout),
	}
	made, err := writeFile(ctx, p, filepath.Join(dir, name+".tar.gz"), func(w io.Writer) error {
		return tarball.Write(ctx, req, w)
	})
	return made.Path, err
}

// tails are the paths below the tarball's prefix that stood for prefixes of the
// build.
func tails(l Layout) []string {
	var out []string
	for _, p := range l.Paths() {
		out = append(out, "/"+p)
	}
	return out
}
