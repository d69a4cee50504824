package build

import (
	"fmt"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
)

// manySteps makes a project of n steps in the store, all built: a runtime that all
// need, and distributions that need up to eight others each, with recipes of the
// size that perl's have.
func manySteps(t testing.TB, b *bench, n int) *plan.Graph {
	t.Helper()
	script := strings.Repeat("install this and that\n", 400)
	var steps []plan.Step
	for i := range n {
		s := scripted(fmt.Sprint("step", i), script+fmt.Sprint(i))
		if i > 0 {
			s.Deps = []string{steps[0].ID}
		}
		for j := range min(i, 8) {
			if dep := (i*7 + j*13) % i; dep > 0 {
				s.Deps = append(s.Deps, steps[dep].ID)
			}
		}
		steps = append(steps, s)
	}
	dir, _, err := b.TempDir("output")
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.PutOutput(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	g := graph(t, steps...)
	builder := New(b.opts)
	known := newKnown(g)
	for _, s := range g.Steps() {
		deps, err := known.deps(s)
		if err != nil {
			t.Fatal(err)
		}
		ing := builder.ingredients(s, deps)
		job := &stepJob{builder: builder, step: s, ingredients: ing}
		record := &store.Action{Key: ing.key, Output: out.ID, Tier: int(sandbox.Namespaces)}
		if record.Inputs, err = job.builder.summary(ing); err != nil {
			t.Fatal(err)
		}
		if _, err := b.PutAction(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		known.add(s, out.ID, deps)
	}
	return g
}

// BenchmarkPlan1500 plans 1,500 steps, all cached.
func BenchmarkPlan1500(b *testing.B) {
	s := newBench(b, sandbox.Namespaces)
	g := manySteps(b, s, 1500)
	for b.Loop() {
		decisions, err := New(s.opts).Plan(b.Context(), g)
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range decisions {
			if !d.Cached {
				b.Fatalf("%s: %s", d.Step.ID, d.Why)
			}
		}
	}
}

// BenchmarkBuild1500 builds 1,500 steps, all cached.
func BenchmarkBuild1500(b *testing.B) {
	s := newBench(b, sandbox.Namespaces)
	g := manySteps(b, s, 1500)
	for b.Loop() {
		if res, err := New(s.opts).Build(b.Context(), g); err != nil || res.Cached != 1500 {
			b.Fatalf("%+v, %v", res, err)
		}
	}
}
