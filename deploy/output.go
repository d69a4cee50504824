package deploy

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/project"
)

// Output is a step with the tree that it adds.
type Output struct {
	Step *plan.Step
	ID   digest.ID
	// Dir is the directory with the tree, and Entries list it.
	Dir     string
	Entries []store.Entry
}

// readOutputs reads what the store has of the outputs.
func readOutputs(ctx context.Context, p *project.Project, b project.Built) ([]Output, error) {
	all := make([]Output, len(b.Outputs))
	for i, o := range b.Outputs {
		out, err := p.Store.Output(ctx, o.ID)
		if err != nil {
			return nil, fmt.Errorf("the output of %s: %w", o.Step.Name, err)
		}
		all[i] = Output{Step: o.Step, ID: o.ID, Dir: out.Tree, Entries: out.Manifest.Entries}
	}
	return all, nil
}

// viewPath is the path in a view of what an output has at path.
func (o Output) viewPath(p string) string { return path.Join(project.ViewDir(o.Step), p) }

// relocatedOrigin is the origin of files in which a path of the server stands.
// Where that path has the ID of all dependencies in it, they change whenever one
// dependency does, and the others don't.
const relocatedOrigin = "relocated"

// source is the step that a path of a view comes from.
type source struct {
	step *plan.Step
	// relocated says that the view has other bytes than the output: a path of the
	// server stands in them.
	relocated bool
}

// origin is the entry's origin in a package.
func (s source) origin() string {
	switch {
	case s.step == nil:
		return ""
	case s.relocated:
		return relocatedOrigin
	}
	return s.step.Name
}

// attributeView says of each path of a view which step it comes from: of several
// that have a path the first one, as in the view itself.
func attributeView(outputs []Output, entries []store.Entry) map[string]source {
	inView := make(map[string]store.Entry, len(entries))
	for _, e := range entries {
		inView[e.Path] = e
	}
	from := make(map[string]source, len(entries))
	for _, o := range outputs {
		for _, e := range o.Entries {
			p := o.viewPath(e.Path)
			if _, taken := from[p]; taken {
				continue
			}
			v := inView[p]
			from[p] = source{o.Step, v.SHA256 != e.SHA256 || e.Kind == store.Symlink && v.Target != e.Target}
		}
	}
	return from
}

// viewEntry is an entry of a view, or of an output as a view has it, where it
// stands on the server. dir is the directory of the tree, in which the entry is at
// e.Path, and at is its path in the view.
func (l Layout) viewEntry(e store.Entry, dir, at string, date time.Time, origin string) deb.Entry {
	entry := deb.Entry{Path: l.Locate(at), Mode: 0o644, Time: date, Origin: origin}
	if e.Executable || e.Kind == store.Dir {
		entry.Mode = 0o755
	}
	switch e.Kind {
	case store.Dir:
		entry.Type = deb.Dir
	case store.Symlink:
		entry.Type, entry.Target, entry.Mode = deb.Link, e.Target, 0
	case store.Hardlink:
		root := at[:len(at)-len(e.Path)]
		entry.Type, entry.Target = deb.Hardlink, l.Locate(path.Join(root, e.Target))
	case store.File:
		entry.Source = filepath.Join(dir, filepath.FromSlash(e.Path))
	}
	return entry
}
