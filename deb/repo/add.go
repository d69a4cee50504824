package repo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Add publishes package files in one generation. What is there with the same bytes
// is a success that changes nothing; with other bytes it is a *ConflictError, and
// then nothing is published.
func (r *Repository) Add(ctx context.Context, to Place, paths []string) ([]Published, error) {
	pkgs, err := readPackages(ctx, r.opts.XZ, paths)
	if err != nil {
		return nil, err
	}
	return r.edit(ctx, to.Distribution, func(ctx context.Context, e edit) ([]Published, error) {
		out, err := e.add(ctx, to.Component, pkgs)
		e.action = actionOf("add", out)
		return out, err
	})
}

// edit is a draft of a distribution that is there.
type edit struct {
	*draft
	dist    string
	keyring openpgp.EntityList
}

// edit publishes a generation with what change does, which may be called several
// times, and returns what the last call returned.
func (r *Repository) edit(ctx context.Context, given string, change func(context.Context, edit) ([]Published, error)) ([]Published, error) {
	dist, err := r.distribution(given)
	if err != nil {
		return nil, err
	}
	keyring, err := r.keyring(ctx)
	if err != nil {
		return nil, err
	}
	var out []Published
	_, err = r.publish(ctx, dist, keyring, func(ctx context.Context, d *draft) (err error) {
		if err := d.exists(dist); err != nil {
			return err
		}
		out, err = change(ctx, edit{d, dist, keyring})
		return err
	})
	return out, err
}

// exists fails if the distribution isn't there to be changed.
func (d *draft) exists(dist string) error {
	if d.base == nil {
		return neverPublished(dist)
	}
	return nil
}

func neverPublished(dist string) error {
	return &NotFoundError{"the distribution " + dist + " was never published", "make it: envbuild repo init --distribution " + dist}
}

// actionOf says in a line what was done to packages.
func actionOf(verb string, done []Published) string {
	var names []string
	for _, p := range done {
		if !p.Already {
			names = append(names, p.Package+" "+p.Version+" "+p.Architecture)
		}
	}
	const most = 3
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return verb + " " + strings.Join(names, ", ")
}

// add adds packages to a component.
func (d *draft) add(ctx context.Context, component string, pkgs []*pkg) ([]Published, error) {
	component, err := d.settings.component(component)
	if err != nil {
		return nil, err
	}
	out := make([]Published, len(pkgs))
	missing := map[*pkg]bool{}
	for i, p := range pkgs {
		if p.arch != allArch && !slices.Contains(d.settings.Architectures, p.arch) {
			return nil, &PackageError{
				Path: p.path, Reason: fmt.Sprintf("%s has no architecture %s", d.settings.Distribution, p.arch),
				hint: fmt.Sprintf("it has %s; `envbuild repo init --architecture %s …` adds one", oneOf(d.settings.Architectures), p.arch),
			}
		}
		out[i] = p.published(d.settings.Distribution, component)
		out[i].Already = true
	}
	for _, arch := range d.settings.Architectures {
		id := indexID{packagesKind, component, arch}
		fresh, err := d.addTo(ctx, id, pkgs)
		if err != nil {
			return nil, err
		}
		for _, p := range fresh {
			missing[p] = true
		}
	}
	for i, p := range pkgs {
		out[i].Already = !missing[p]
		d.pool = append(d.pool, poolFile{p, out[i].Already})
	}
	return out, nil
}

func (p *pkg) published(dist, component string) Published {
	return Published{
		Distribution: dist, Component: component, Package: p.name, Version: p.version, Architecture: p.arch,
		File: poolName(p.key), Size: p.content.Size, SHA256: p.content.SHA256,
	}
}

// addTo adds to an index what it lacks of the packages that belong there.
func (d *draft) addTo(ctx context.Context, id indexID, pkgs []*pkg) (fresh []*pkg, err error) {
	ix, err := d.load(ctx, id)
	if err != nil {
		return nil, err
	}
	prints := map[uint64]bool{}
	for _, p := range pkgs {
		prints[p.print()] = true
	}
	found, err := ix.find(ctx, prints)
	if err != nil {
		return nil, err
	}
	for _, p := range pkgs {
		if p.arch != id.Architecture && p.arch != allArch {
			continue
		}
		if text, ok := found[p.print()]; ok {
			was, err := parseStanza(text)
			if err != nil {
				return nil, &StateError{ix.name(gzipped), err}
			}
			if was.sha256 != p.content.SHA256 {
				return nil, &ConflictError{p.name, p.version, p.arch, was.file}
			}
			continue
		}
		fresh = append(fresh, p)
		d.change(id).add = append(d.change(id).add, item{p.print(), p.stanza})
		if d.settings.Contents {
			lines, err := p.contents(ctx)
			if err != nil {
				return nil, err
			}
			files := d.change(indexID{contentsKind, id.Component, id.Architecture})
			files.add = append(files.add, item{p.print(), lines})
		}
	}
	return fresh, nil
}

// fromPool makes a package of what an index says of it.
func (r *Repository) fromPool(s *stanza) *pkg {
	open := func() (io.ReadCloser, error) { return r.storage.Get(context.Background(), s.file) }
	return &pkg{key: s.key, path: s.file, xz: r.opts.XZ, stanza: s.text, content: Content{Size: s.size, SHA256: s.sha256, Open: open}}
}
