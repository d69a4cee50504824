package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// Generation is a state of a distribution that is, or was, current.
type Generation struct {
	Distribution string    `json:"distribution"`
	Number       int       `json:"number"`
	Date         time.Time `json:"date"`
	// Action says for people what made it.
	Action string `json:"action"`
	// Packages is the number of entries in all of its indexes; a package for all
	// architectures counts once for each.
	Packages int  `json:"packages"`
	Current  bool `json:"current,omitempty"`

	ref    generationRef
	record *generation
}

// Generations lists a distribution's generations that are kept, the current one
// first.
func (r *Repository) Generations(ctx context.Context, dist string) ([]Generation, error) {
	dist, err := r.distribution(dist)
	if err != nil {
		return nil, err
	}
	st, err := r.mustCurrent(ctx, dist, nil)
	if err != nil {
		return nil, err
	}
	return r.history(ctx, dist, st)
}

// history follows the records from one to the one before, until gc has removed
// what was before.
func (r *Repository) history(ctx context.Context, dist string, st *state) ([]Generation, error) {
	var out []Generation
	g, ref := st.generation, st.ref
	for {
		one := Generation{Distribution: dist, Number: g.Number, Date: g.Date, Action: g.Action, Current: len(out) == 0, ref: ref, record: g}
		for _, ix := range g.Indexes {
			if ix.Kind == packagesKind {
				one.Packages += ix.Packages
			}
		}
		out = append(out, one)
		if g.Parent == nil {
			return out, nil
		}
		if g.Parent.Number >= g.Number {
			return nil, &StateError{generationName(dist, ref), errors.New("its parent isn't older")}
		}
		ref = *g.Parent
		next, err := readGeneration(ctx, r.storage, dist, ref)
		if errors.Is(err, fs.ErrNotExist) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		g = next
	}
}

// Rollback makes an old generation the current one: its packages and settings with
// a new date, since clients ignore what is older than what they have. Number 0 is
// the generation before the current one.
func (r *Repository) Rollback(ctx context.Context, dist string, number int) (Generation, error) {
	dist, err := r.distribution(dist)
	if err != nil {
		return Generation{}, err
	}
	keyring, err := r.keyring(ctx)
	if err != nil {
		return Generation{}, err
	}
	st, err := r.publish(ctx, dist, keyring, func(ctx context.Context, d *draft) error {
		if err := d.exists(dist); err != nil {
			return err
		}
		return d.rollback(ctx, number)
	})
	if err != nil {
		return Generation{}, err
	}
	all, err := r.history(ctx, dist, st)
	if err != nil {
		return Generation{}, err
	}
	return all[0], nil
}

func (d *draft) rollback(ctx context.Context, number int) error {
	all, err := d.repo.history(ctx, d.settings.Distribution, d.base)
	if err != nil {
		return err
	}
	i := 1
	if number != 0 {
		i = slices.IndexFunc(all, func(g Generation) bool { return g.Number == number })
	}
	if i < 0 || i >= len(all) {
		return &NotFoundError{
			fmt.Sprintf("%s has no generation %d", d.settings.Distribution, max(number, d.base.ref.Number-1)),
			fmt.Sprintf("it has %d to %d", all[len(all)-1].Number, all[0].Number),
		}
	}
	if i == 0 {
		return nil // it is current
	}
	to := all[i].record
	d.settings, d.indexes, d.action = to.Settings, to.Indexes, fmt.Sprintf("roll back to generation %d", to.Number)
	names, err := d.repo.names(ctx, all[i], map[string]bool{})
	if err != nil {
		return err
	}
	d.needs = slices.Sorted(maps.Keys(names))
	return nil
}

// names are the files that a generation needs. Tables that were seen are in skip,
// and their packages known to the caller.
func (r *Repository) names(ctx context.Context, g Generation, skip map[string]bool) (map[string]bool, error) {
	out := map[string]bool{generationName(g.Distribution, g.ref): true}
	for _, ref := range g.record.Indexes {
		table := tableName(ref.Table)
		out[table] = true
		for v := plain; v < variants; v++ {
			if f := ref.Files[v.ending()]; f.Stored {
				out[ref.byHash(g.Distribution, f.SHA256)] = true
			}
		}
		if ref.Kind != packagesKind || skip[table] {
			continue
		}
		skip[table] = true
		ix, err := loadIndex(ctx, r.storage, g.Distribution, ref)
		if err != nil {
			return nil, err
		}
		list, err := ix.stanzas(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			out[s.file] = true
		}
	}
	return out, nil
}
