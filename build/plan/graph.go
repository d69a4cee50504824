package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Graph is a set of steps whose dependencies are all present and free of cycles.
type Graph struct {
	steps []*Step // dependencies before dependents, else as given
	index map[string]*Step
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
// an error that names a step given twice.
func NewGraph(steps []Step) (*Graph, error) {
	g := &Graph{index: make(map[string]*Step, len(steps))}
	for i := range steps {
		s := &steps[i]
		if g.index[s.Name] != nil {
			return nil, fmt.Errorf("two steps are named %s", s.Name)
		}
		g.index[s.Name] = s
	}
	w := walker{graph: g, state: make(map[string]visit, len(steps))}
	for i := range steps {
		if err := w.visit(&steps[i]); err != nil {
			return nil, err
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
	state map[string]visit
	path  []string
}

func (w *walker) visit(s *Step) error {
	switch w.state[s.Name] {
	case done:
		return nil
	case open:
		from := slices.Index(w.path, s.Name)
		return &CycleError{Names: append(slices.Clone(w.path[from:]), s.Name)}
	}
	w.state[s.Name] = open
	w.path = append(w.path, s.Name)
	for _, name := range s.Deps {
		dep := w.graph.index[name]
		if dep == nil {
			return &MissingStepError{Step: s.Name, Dep: name}
		}
		if err := w.visit(dep); err != nil {
			return err
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[s.Name] = done
	w.graph.steps = append(w.graph.steps, s)
	return nil
}

// Steps returns all steps, dependencies before dependents.
func (g *Graph) Steps() []*Step { return slices.Clone(g.steps) }

// Step returns the step of that name, or nil.
func (g *Graph) Step(name string) *Step { return g.index[name] }

// Closure returns all that the step depends on, transitively and without
// itself, dependencies before dependents.
func (g *Graph) Closure(name string) []*Step {
	in := map[string]bool{name: true}
	for _, s := range slices.Backward(g.steps) {
		if in[s.Name] {
			for _, d := range s.Deps {
				in[d] = true
			}
		}
	}
	var out []*Step
	for _, s := range g.steps {
		if in[s.Name] && s.Name != name {
			out = append(out, s)
		}
	}
	return out
}

// Dependents returns the steps that need the named one directly, in order.
func (g *Graph) Dependents(name string) []*Step {
	var out []*Step
	for _, s := range g.steps {
		if slices.Contains(s.Deps, name) {
			out = append(out, s)
		}
	}
	return out
}
