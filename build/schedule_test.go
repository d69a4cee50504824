package build

import (
	"slices"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/plan"
)

func TestLongestPathFirst(t *testing.T) {
	g, err := plan.NewGraph([]plan.Step{
		{ID: "perl", Name: "perl"},
		{ID: "small", Name: "small", Deps: []string{"perl"}},
		{ID: "chain1", Name: "chain1", Deps: []string{"perl"}},
		{ID: "chain2", Name: "chain2", Deps: []string{"chain1"}},
		{ID: "dbi", Name: "dbi", Deps: []string{"perl"}},
		{ID: "sqlite", Name: "sqlite", Deps: []string{"dbi"}, CBytes: 8_000_000},
		{ID: "known", Name: "known", Deps: []string{"perl"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	recorded := func(s *plan.Step) time.Duration {
		if s.Name == "known" {
			return 2 * time.Second
		}
		return 0
	}
	q := newReadyQueue(g, remaining(g, recorded))
	for _, s := range g.Dependents("perl") {
		q.add(s)
	}
	var got []string
	for q.Len() > 0 {
		got = append(got, q.take().Name)
	}
	if want := []string{"dbi", "known", "chain1", "small"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}
