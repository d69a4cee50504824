package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// rootFact is the kind of facts that hold a root's summary, by its digest: many
// records share one.
const rootFact = "root"

// why compares the ingredients with those of the step's last build in this project.
func (b *Builder) why(ctx context.Context, s *plan.Step, now ingredients) (string, error) {
	if b.forced(s) {
		return "asked for by --rebuild", nil
	}
	key, ok := b.lastKeys().of(s)
	if !ok {
		return "never built here", nil
	}
	action, err := b.opts.Store.RecordedAction(key)
	if errors.Is(err, store.ErrMissing) {
		return "never built here", nil
	}
	if err != nil {
		return "", err
	}
	was, err := readSummary(action.Inputs)
	if err != nil {
		return "", fmt.Errorf("read what %s was built from: %w", s.ID, err)
	}
	if weaker, err := b.weaker(ctx, action.Tier); weaker || err != nil {
		return "it was built in a weaker sandbox", err
	}
	return b.explainChange(was, now), nil
}

// explainChange names the first ingredient in which two keys differ.
func (b *Builder) explainChange(was plan.Summary, now ingredients) string {
	change := was.Changed(now.all)
	switch change {
	case "":
		return "its output was removed from the store"
	case plan.RootInput + " changed":
		if what := b.rootChange(was[plan.RootInput], now.root); what != "" {
			return what
		}
	}
	return change
}

// rootChange names what changed in the root, or returns "" where the root that was
// is not on record.
func (b *Builder) rootChange(was string, now []plan.Input) string {
	d, err := digest.Parse(was)
	if err != nil {
		return ""
	}
	data, ok := b.opts.Store.Fact(rootFact, d)
	if !ok {
		return ""
	}
	old, err := readSummary(data)
	if err != nil {
		return ""
	}
	return old.Changed(now)
}

// summary encodes the ingredients for the record of an action, and keeps those of
// the root aside.
func (b *Builder) summary(now ingredients) ([]byte, error) {
	sum := plan.Summarize(now.all)
	if id := sum[plan.RootInput]; id != "" {
		if err := b.keepRoot(id, now.root); err != nil {
			return nil, err
		}
	}
	return json.Marshal(sum)
}

func (b *Builder) keepRoot(id string, root []plan.Input) error {
	if _, done := b.roots.LoadOrStore(id, true); done {
		return nil
	}
	d, err := digest.Parse(id)
	if err != nil {
		return err
	}
	if _, there := b.opts.Store.Fact(rootFact, d); there {
		return nil
	}
	data, err := json.Marshal(plan.Summarize(root))
	if err != nil {
		return err
	}
	return b.opts.Store.PutFact(rootFact, d, data)
}

// readSummary reads what summary wrote, or what records held before: the inputs
// themselves.
func readSummary(data []byte) (plan.Summary, error) {
	var sum plan.Summary
	if err := json.Unmarshal(data, &sum); err == nil {
		return sum, nil
	}
	var whole []plan.Input
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	return plan.Summarize(whole), nil
}

// lastKeys are the keys of a project's last build, by ID.
type lastKeys map[string]digest.Key

// lastKeys reads them once: a plan asks for every step that isn't cached.
func (b *Builder) lastKeys() lastKeys {
	b.lastOnce.Do(func() { b.last = b.opts.Store.LastKeys(b.opts.Project, b.opts.Target) })
	return b.last
}

// of returns the step's last key: that of its ID, else of another version, unless
// several are there. Before steps had IDs, they were noted by name.
func (last lastKeys) of(s *plan.Step) (key digest.Key, ok bool) {
	if key, ok = last[s.ID]; ok {
		return key, true
	}
	found := 0
	for id, k := range last {
		if plan.Series(id) == plan.Series(s.ID) {
			key = k
			found++
		}
	}
	if found > 0 {
		return key, found == 1
	}
	key, ok = last[s.Name]
	return key, ok
}

// note puts the keys in the place of those that the same steps, or other versions
// of them, had before.
func (last lastKeys) note(outputs []StepOutput) lastKeys {
	replaced := make(map[string]bool, 2*len(outputs))
	for _, o := range outputs {
		replaced[o.Step.Name], replaced[plan.Series(o.Step.ID)] = true, true
	}
	next := lastKeys{}
	for id, key := range last {
		if !replaced[plan.Series(id)] {
			next[id] = key
		}
	}
	for _, o := range outputs {
		next[o.Step.ID] = o.Key
	}
	return next
}

// LastKey returns the key of the step's last run: the present one if that is
// known, since a failed run has it too, else that of the project's last build.
func (b *Builder) LastKey(ctx context.Context, g *plan.Graph, s *plan.Step) (digest.Key, error) {
	decisions, err := b.Plan(ctx, g)
	if err != nil {
		return digest.Key{}, err
	}
	for _, d := range decisions {
		if d.Step == s && !d.Key.IsZero() {
			return d.Key, nil
		}
	}
	key, _ := b.lastKeys().of(s)
	return key, nil
}
