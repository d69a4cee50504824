package build

import (
	"container/heap"
	"time"

	"github.com/envbuild/envbuild/build/plan"
)

// Guesses of a step's duration where none was recorded. Measured: a
// distribution without compiled files takes about 0.5 s, and SQLite's 8.5 MB of C 25 s.
const (
	baseDuration    = 500 * time.Millisecond
	durationPerByte = 3 * time.Microsecond
)

// remaining returns for each step the longest time from its start to the end of
// the last step that waits for it: the step's priority.
func remaining(g *plan.Graph, recorded func(*plan.Step) time.Duration) map[string]time.Duration {
	steps := g.Steps()
	out := make(map[string]time.Duration, len(steps))
	behind := make(map[string]time.Duration, len(steps))
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		own := recorded(s)
		if own == 0 {
			own = baseDuration + time.Duration(s.CBytes)*durationPerByte
		}
		out[s.ID] = own + behind[s.ID]
		for _, d := range s.Deps {
			behind[d] = max(behind[d], out[s.ID])
		}
	}
	return out
}

// readyQueue gives out the step with the longest remaining path first; among
// equals the one that comes first in the graph.
type readyQueue struct {
	steps    []*plan.Step
	priority map[string]time.Duration
	order    map[string]int
}

func newReadyQueue(g *plan.Graph, priority map[string]time.Duration) *readyQueue {
	q := &readyQueue{priority: priority, order: map[string]int{}}
	for i, s := range g.Steps() {
		q.order[s.ID] = i
	}
	return q
}

func (q *readyQueue) add(s *plan.Step) { heap.Push(q, s) }
func (q *readyQueue) take() *plan.Step { return heap.Pop(q).(*plan.Step) }

// first is the step that take would take, or nil.
func (q *readyQueue) first() *plan.Step {
	if len(q.steps) == 0 {
		return nil
	}
	return q.steps[0]
}

func (q *readyQueue) Len() int      { return len(q.steps) }
func (q *readyQueue) Swap(i, j int) { q.steps[i], q.steps[j] = q.steps[j], q.steps[i] }
func (q *readyQueue) Push(x any)    { q.steps = append(q.steps, x.(*plan.Step)) }
func (q *readyQueue) Less(i, j int) bool {
	a, b := q.steps[i].ID, q.steps[j].ID
	if q.priority[a] != q.priority[b] {
		return q.priority[a] > q.priority[b]
	}
	return q.order[a] < q.order[b]
}

func (q *readyQueue) Pop() any {
	last := len(q.steps) - 1
	s := q.steps[last]
	q.steps = q.steps[:last]
	return s
}
