package plan

import (
	"fmt"
	"slices"
	"strings"
)

// AmbiguousStepError says that several steps share a name.
type AmbiguousStepError struct {
	Name string
	IDs  []string
}

func (e *AmbiguousStepError) Error() string {
	return fmt.Sprintf("%d steps are named %s", len(e.IDs), e.Name)
}

// Hint lists them.
func (e *AmbiguousStepError) Hint() string { return "name one by its ID: " + strings.Join(e.IDs, ", ") }

// Find returns the step that a person means by an ID, a name, or a name with its
// version ("Plack-1.0050"), or nil. It fails with an *AmbiguousStepError.
func (g *Graph) Find(text string) (*Step, error) {
	if s := g.Step(text); s != nil {
		return s, nil
	}
	found := g.named[text]
	for i := 0; i < len(g.nodes) && len(g.named[text]) == 0; i++ {
		if s := g.nodes[i].step; s.Name+"-"+s.Version == text {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	e := &AmbiguousStepError{Name: text}
	for _, s := range found {
		e.IDs = append(e.IDs, s.ID)
	}
	return nil, e
}

// Labels returns the labels of the steps.
func (g *Graph) Labels(steps []*Step) []string {
	labels := make([]string, len(steps))
	for i, s := range steps {
		labels[i] = g.Label(s)
	}
	return labels
}

// PathsTo returns for each step that needs the given one directly a path to it from
// a step that nothing needs, as labels.
func (g *Graph) PathsTo(s *Step) [][]string {
	paths := [][]string{}
	for _, d := range g.Dependents(s.ID) {
		path := []string{g.Label(s)}
		for up := []*Step{d}; len(up) > 0; up = g.Dependents(up[0].ID) {
			path = append(path, g.Label(up[0]))
		}
		slices.Reverse(path)
		paths = append(paths, path)
	}
	return paths
}
