package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/envbuild/envbuild/internal/parallel"
)

// Sweeper is a Storage in which killed writers leave what nobody sees.
type Sweeper interface {
	// Sweep removes what was left before the given time.
	Sweep(ctx context.Context, before time.Time) error
}

// Policy says what gc keeps.
type Policy struct {
	// Generations is how many generations of each distribution are kept, the
	// current one among them; at least 1.
	Generations int
	// Versions is how many versions of each package and architecture stay listed;
	// 0 is all.
	Versions int
	// Grace is how long a generation is kept after it was followed by another, for
	// clients that are reading it. In a storage without a lock it is also the time
	// between two runs after which the second removes what the first found unused.
	Grace time.Duration
	// DryRun removes nothing.
	DryRun bool
}

// Collected is what gc removed.
type Collected struct {
	// Packages are those that are no longer listed.
	Packages    []Published `json:"packages"`
	Generations int         `json:"generations"`
	Files       int         `json:"files"`
	Bytes       int64       `json:"bytes"`
	// Waiting is the number of files that a later run removes, if nobody needs
	// them until then.
	Waiting int `json:"waiting,omitempty"`
}

// GC takes old versions out of the lists, forgets old generations, and removes
// the files that no kept generation names. Publishers may publish and clients
// read meanwhile.
func (r *Repository) GC(ctx context.Context, p Policy) (Collected, error) {
	out := Collected{Packages: []Published{}}
	if p.Generations < 1 || p.Versions < 0 || p.Grace < 0 {
		return out, &SettingsError{"number", fmt.Sprint(min(p.Generations, p.Versions)), "is too small", "one generation stays at least"}
	}
	lister, ok := r.storage.(Lister)
	if !ok {
		return out, errors.New("this storage can't list its files")
	}
	if p.Versions > 0 {
		if err := r.dropVersions(ctx, p, &out); err != nil {
			return out, err
		}
	}
	ctx, unlock, locked, err := r.lock(ctx)
	if err != nil {
		return out, err
	}
	err = r.collect(ctx, lister, p, locked, &out)
	if s, ok := r.storage.(Sweeper); ok && err == nil && !p.DryRun {
		err = s.Sweep(ctx, time.Now().Add(-sweepAge))
	}
	return out, errors.Join(err, unlock())
}

// sweepAge is how old a temporary must be before nobody can be writing it.
const sweepAge = time.Hour

// dropVersions takes all but the newest versions out of every distribution.
func (r *Repository) dropVersions(ctx context.Context, p Policy, out *Collected) error {
	var keyring openpgp.EntityList
	if !p.DryRun {
		var err error
		if keyring, err = r.keyring(ctx); err != nil {
			return err
		}
	}
	for _, dist := range r.config.Distributions {
		var dropped []Published
		edit := func(ctx context.Context, d *draft) (err error) {
			dropped, err = d.dropVersions(ctx, p.Versions)
			d.action = actionOf("drop", dropped)
			return err
		}
		var err error
		if p.DryRun {
			var st *state
			if st, err = r.mustCurrent(ctx, dist, nil); err == nil {
				err = edit(ctx, &draft{
					transaction: &transaction{repo: r}, base: st, settings: st.generation.Settings,
					changes: map[indexID]*change{}, loaded: map[indexID]*index{},
				})
			}
		} else {
			_, err = r.publish(ctx, dist, keyring, edit)
		}
		if err != nil {
			return err
		}
		out.Packages = append(out.Packages, dropped...)
	}
	return nil
}

func (d *draft) dropVersions(ctx context.Context, keep int) (out []Published, err error) {
	if d.base == nil {
		return nil, nil
	}
	for _, component := range d.settings.Components {
		list, err := d.repo.component(ctx, d.settings.Distribution, d.base.generation, component)
		if err != nil {
			return nil, err
		}
		count := map[key]int{} // by name and architecture, from the newest on
		for _, s := range slices.Backward(list) {
			count[key{name: s.name, arch: s.arch}]++
			if count[key{name: s.name, arch: s.arch}] > keep {
				out = append(out, d.drop(component, []*stanza{s})...)
			}
		}
	}
	return out, nil
}

// collect finds what no kept generation names, and removes it.
func (r *Repository) collect(ctx context.Context, lister Lister, p Policy, locked bool, out *Collected) error {
	for {
		list, err := r.readCondemned(ctx)
		if err != nil {
			return err
		}
		garbage, dists, err := r.listImmutable(ctx, lister)
		if err != nil {
			return err
		}
		live, err := r.live(ctx, dists, p)
		if err != nil {
			return err
		}
		for name := range live {
			delete(garbage, name)
		}
		if !locked && !p.DryRun {
			err := r.condemn(ctx, list, garbage, p, out)
			if errors.Is(err, ErrChanged) {
				continue
			}
			return err
		}
		return r.removeAll(ctx, garbage, p.DryRun, out)
	}
}

// listImmutable lists all files that can be garbage, and the distributions that
// there are: also one that init made and was killed before it said so.
func (r *Repository) listImmutable(ctx context.Context, lister Lister) (files map[string]int64, dists []string, err error) {
	files, dists = map[string]int64{}, slices.Clone(r.config.Distributions)
	for _, prefix := range []string{poolDir, distsDir, generationsDir, tablesDir} {
		for e, err := range lister.List(ctx, prefix) {
			if err != nil {
				return nil, nil, err
			}
			if Immutable(e.Name) {
				files[e.Name] = e.Size
			}
			dist := strings.TrimSuffix(strings.TrimPrefix(e.Name, distsDir), "/InRelease")
			if inRelease(dist) == e.Name && !slices.Contains(dists, dist) {
				dists = append(dists, dist)
			}
		}
	}
	return files, dists, nil
}

// live are the files of all generations that are kept.
func (r *Repository) live(ctx context.Context, dists []string, p Policy) (map[string]bool, error) {
	out, skip := map[string]bool{}, map[string]bool{}
	for _, dist := range dists {
		st, err := r.mustCurrent(ctx, dist, nil)
		if err != nil {
			return nil, err
		}
		all, err := r.history(ctx, dist, st)
		if err != nil {
			return nil, err
		}
		for i, g := range all {
			if i >= p.Generations && r.opts.Now().Sub(all[i-1].Date) > p.Grace {
				break
			}
			names, err := r.names(ctx, g, skip)
			if err != nil {
				return nil, err
			}
			for name := range names {
				out[name] = true
			}
		}
	}
	return out, nil
}

// removeAll removes garbage: records first, so that no record is left that names
// what isn't there.
func (r *Repository) removeAll(ctx context.Context, garbage map[string]int64, dry bool, out *Collected) error {
	var records, rest []string
	for name, size := range garbage {
		if strings.HasPrefix(name, generationsDir) {
			records = append(records, name)
		} else {
			rest = append(rest, name)
		}
		out.Files++
		out.Bytes += size
	}
	out.Generations += len(records)
	if dry {
		return nil
	}
	// The newest record goes first: whoever follows the records finds no gap.
	slices.Sort(records)
	slices.Reverse(records)
	for _, name := range records {
		if err := r.storage.Remove(ctx, name); err != nil {
			return err
		}
	}
	return parallel.Each(ctx, maxParallel, len(rest), func(ctx context.Context, i int) error { return r.storage.Remove(ctx, rest[i]) })
}

// condemned is how gc and publishers agree where no lock keeps them apart. What
// gc finds unused it only writes down. A later run removes it, if it is unused
// still; before, it writes down that it will. A publisher looks at the list before
// it writes and before it commits: what it needs it strikes from the list, and what
// is being removed it can't have. The list is replaced whole and conditionally, so
// one of the two always sees what the other did.
type condemned struct {
	// Serial counts how often the list was written, so that it never is again what
	// it was: a bucket's versions are only hashes of the content.
	Serial int `json:"serial"`
	// Files are unused since, at least.
	Files map[string]time.Time `json:"files"`
	// Removing are being removed, in the order of their names.
	Removing []string `json:"removing,omitempty"`

	version Version
}

func (c *condemned) removing(name string) bool {
	_, found := slices.BinarySearch(c.Removing, name)
	return found
}

const condemnedName = stateDir + "condemned.json"

func (r *Repository) readCondemned(ctx context.Context) (*condemned, error) {
	c := &condemned{Files: map[string]time.Time{}}
	b, file, err := readAll(ctx, r.storage, condemnedName)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, &StateError{condemnedName, err}
	}
	if c.Files == nil {
		c.Files = map[string]time.Time{}
	}
	slices.Sort(c.Removing)
	c.version = file.Version
	return c, nil
}

func (r *Repository) writeCondemned(ctx context.Context, c *condemned) error {
	c.Serial++
	slices.Sort(c.Removing)
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return r.storage.Replace(ctx, condemnedName, b, c.version)
}

// condemn is a run of gc without a lock.
func (r *Repository) condemn(ctx context.Context, list *condemned, garbage map[string]int64, p Policy, out *Collected) error {
	now := r.opts.Now()
	next := &condemned{Serial: list.Serial, Files: map[string]time.Time{}, version: list.version}
	doomed := map[string]int64{}
	for name, size := range garbage {
		since, known := list.Files[name]
		switch {
		case known && now.Sub(since) >= p.Grace, list.removing(name):
			doomed[name] = size
			next.Removing = append(next.Removing, name)
		case known:
			next.Files[name] = since
		default:
			next.Files[name] = now
		}
	}
	out.Waiting = len(next.Files)
	if len(garbage) == 0 && len(list.Files) == 0 && len(list.Removing) == 0 {
		return nil
	}
	if err := r.writeCondemned(ctx, next); err != nil {
		return err
	}
	if len(doomed) == 0 {
		return nil
	}
	if err := r.removeAll(ctx, doomed, false, out); err != nil {
		return err
	}
	for {
		done, err := r.readCondemned(ctx)
		if err != nil {
			return err
		}
		done.Removing = slices.DeleteFunc(done.Removing, func(name string) bool { _, ok := doomed[name]; return ok })
		if err := r.writeCondemned(ctx, done); !errors.Is(err, ErrChanged) {
			return err
		}
	}
}
