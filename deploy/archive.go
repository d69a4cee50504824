package deploy

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deb/shlibs"
	"github.com/envbuild/envbuild/deploy/tarball"
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
	t, err := makeTree(ctx, p, b, outputs, newLayout(p.Spec.App, tarball.Prefix), version)
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
	name := fmt.Sprintf("%s-%s-%s", p.Spec.Name, version, arch)
	req := tarball.Request{
		Name: name, Entries: t.tarEntries(append(t.Project(), sbom)), Time: t.date,
		Tails: []string{"/" + project.RuntimeDir, "/" + project.BundleDir},
	}
	made, err := writeFile(ctx, p, filepath.Join(dir, name+".tar.gz"), func(w io.Writer) error {
		return tarball.Write(ctx, req, w)
	})
	return made.Path, err
}

// tarEntries are a package's entries as a tarball takes them. It has an env.sh of
// its own, which knows that it can be moved.
func (t *Tree) tarEntries(entries []deb.Entry) []tarball.Entry {
	var out []tarball.Entry
	for _, e := range entries {
		to := tarball.Entry{Path: e.Path, Mode: e.Mode, Source: e.Source, Content: e.Content, Shell: e.Path == t.layout.RC}
		switch {
		case e.Path == t.layout.Script:
			continue
		case e.Type == deb.Dir:
			to.Mode |= os.ModeDir
			if e.Mode == 0 {
				to.Mode |= 0o755
			}
		case e.Type == deb.Link:
			to.Mode, to.Target = os.ModeSymlink, e.Target
		case e.Type == deb.Hardlink:
			to.Hardlink = e.Target
		case e.Mode == 0:
			to.Mode = 0o644
		}
		out = append(out, to)
	}
	return out
}
