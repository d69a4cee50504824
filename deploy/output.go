package deploy

import (
	"context"
	"fmt"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/project"
)

// Output is a step with the tree that it adds.
type Output struct {
	Step *plan.Step
	ID   digest.ID
	// Entries list the tree that is in the store.
	Entries []tree.Entry
}

// readOutputs reads what the store has of the outputs.
func readOutputs(ctx context.Context, p *project.Project, b project.Built) ([]Output, error) {
	all := make([]Output, len(b.Outputs))
	for i, o := range b.Outputs {
		out, err := p.Store.Output(ctx, o.ID)
		if err != nil {
			return nil, fmt.Errorf("the output of %s: %w", o.Step.Name, err)
		}
		all[i] = Output{Step: o.Step, ID: o.ID, Entries: out.Entries()}
	}
	return all, nil
}

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
func attributeView(l Layout, outputs []Output, entries []tree.Entry) map[string]source {
	inView := make(map[string]tree.Entry, len(entries))
	for _, e := range entries {
		inView[e.Path] = e
	}
	from := make(map[string]source, len(entries))
	for _, o := range outputs {
		for _, e := range o.Entries {
			for _, p := range l.ViewPaths(o.Step, e.Path) {
				if _, taken := from[p]; !taken {
					v := inView[p]
					from[p] = source{o.Step, v.SHA256 != e.SHA256 || e.Kind == tree.Symlink && v.Target != e.Target}
				}
			}
		}
	}
	return from
}
