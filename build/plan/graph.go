package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Graph is a set of steps of one target whose dependencies are all present and
// free of cycles.
type Graph struct {
	nodes []*node // dependencies before dependents, else as given
	index map[string]*node
	named map[string][]*Step
}

// node is a step with its neighbours.
type node struct {
	step       *Step
	deps       []*node
	dependents []*node
	state      visit
}

// CycleError says that steps wait for each other.
type CycleError struct{ Names []string } // the first name is repeated at the end

func (e *CycleError) Error() string {
	return "dependency cycle: " + strings.Join(e.Names, " → ")
}

// Hint says how to break the cycle.
func (e *CycleError) Hint() string {
	return "one of these distributions declares a requirement that it doesn't need to build; update it, or correct the requirement in the lock's source"
}

// MissingStepError says that a step depends on one that isn't there.
type MissingStepError struct{ Step, Dep string }

func (e *MissingStepError) Error() string {
	return fmt.Sprintf("%s depends on %s, which is not in the lock", e.Step, e.Dep)
}

// NewGraph orders the steps. It fails with a *CycleError, a *MissingStepError or
// an error that names a step that is given twice or has no ID.
func NewGraph(steps []Step) (*Graph, error) {
	g := &Graph{index: make(map[string]*node, len(steps)), named: make(map[string][]*Step, len(steps))}
	for i := range steps {
		s := &steps[i]
		if s.ID == "" {
			return nil, fmt.Errorf("the step %q has no ID", s.Name)
		}
		if g.index[s.ID] != nil {
			return nil, fmt.Errorf("two steps have the ID %s", s.ID)
		}
		g.index[s.ID] = &node{step: s}
		g.named[s.Name] = append(g.named[s.Name], s)
	}
	w := walker{graph: g}
	for i := range steps {
		if err := w.visit(g.index[steps[i].ID]); err != nil {
			return nil, err
		}
	}
	for _, n := range g.nodes {
		for _, dep := range n.deps {
			dep.dependents = append(dep.dependents, n)
		}
	}
	return g, nil
}

type visit int

const (
	unseen visit = iota
	open
	done
)

type walker struct {
	graph *Graph
	path  []*Step
}

func (w *walker) visit(n *node) error {
	switch n.state {
	case done:
		return nil
	case open:
		from := slices.Index(w.path, n.step)
		return &CycleError{Names: w.graph.Labels(append(slices.Clone(w.path[from:]), n.step))}
	}
	n.state = open
	w.path = append(w.path, n.step)
	for _, id := range n.step.Deps {
		dep := w.graph.index[id]
		if dep == nil {
			return &MissingStepError{Step: w.graph.Label(n.step), Dep: id}
		}
		if slices.Contains(n.deps, dep) {
			continue
		}
		if err := w.visit(dep); err != nil {
			return err
		}
		n.deps = append(n.deps, dep)
	}
	w.path = w.path[:len(w.path)-1]
	n.state = done
	w.graph.nodes = append(w.graph.nodes, n)
	return nil
}

// Len returns the number of steps.
func (g *Graph) Len() int { return len(g.nodes) }

// Steps returns all steps, dependencies before dependents.
func (g *Graph) Steps() []*Step { return stepsOf(g.nodes) }

func stepsOf(nodes []*node) []*Step {
	steps := make([]*Step, len(nodes))
	for i, n := range nodes {
		steps[i] = n.step
	}
	return steps
}

// Step returns the step of that ID, or nil.
func (g *Graph) Step(id string) *Step {
	if n := g.index[id]; n != nil {
		return n.step
	}
	return nil
}

// Label is the shortest text that tells a step from the others of the graph: its
// name or, where others share that, its ID.
func (g *Graph) Label(s *Step) string {
	if len(g.named[s.Name]) > 1 {
		return s.ID
	}
	return s.Name
}

// Deps returns the steps that the one of that ID needs directly, in its order and
// each once.
func (g *Graph) Deps(id string) []*Step {
	if n := g.index[id]; n != nil {
		return stepsOf(n.deps)
	}
	return nil
}

// Closure returns all that the step depends on, transitively and without
// itself, dependencies before dependents. The order depends on nothing but the
// steps of the closure, so that a step sees it alike in every graph.
func (g *Graph) Closure(id string) []*Step {
	start := g.index[id]
	if start == nil {
		return nil
	}
	seen := map[*node]bool{start: true}
	var out []*Step
	var visit func(n *node)
	visit = func(n *node) {
		for _, dep := range n.deps {
			if !seen[dep] {
				seen[dep] = true
				visit(dep)
				out = append(out, dep.step)
			}
		}
	}
	visit(start)
	return out
}

// Dependents returns the steps that need the one of that ID directly, in order.
func (g *Graph) Dependents(id string) []*Step {
	if n := g.index[id]; n != nil {
		return stepsOf(n.dependents)
	}
	return nil
}
