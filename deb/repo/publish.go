package repo

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// maxRaces is how often a publisher begins again when others were faster: more
// than there are publishers of any repository.
const maxRaces = 100

// draft is the next generation of a distribution while it is made.
type draft struct {
	*transaction
	base     *state // nil: there is none yet
	settings Settings
	action   string
	changes  map[indexID]*change
	// indexes, if not nil, are those of the next generation: a rollback. needs are
	// the files that it found and doesn't write.
	indexes []indexRef
	needs   []string
	loaded  map[indexID]*index
	// pool are packages whose files have to be there.
	pool []poolFile
	// force makes a generation although nothing changes.
	force bool
}

// poolFile is a package's file. One that is listed already is what it has to be.
type poolFile struct {
	*pkg
	listed bool
}

// transaction remembers what was written, to take it back.
type transaction struct {
	repo    *Repository
	keyring openpgp.EntityList
	xz      *xzProgram
	// locked says that there is no other publisher at the same time.
	locked bool

	mu sync.Mutex
	// created are the files that this transaction made.
	created []string
	// before is what Release and its signature were, once plain names are touched.
	before map[string][]byte
}

// publish makes the next generation of a distribution: edit says what is new in
// it, and is called again if another publisher committed first. If edit changes
// nothing there is no generation, and the present state is returned.
func (r *Repository) publish(ctx context.Context, dist string, keyring openpgp.EntityList, edit func(context.Context, *draft) error) (*state, error) {
	held, unlock, locked, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	// Who was taken for dead has nothing to take back: another publisher may be
	// building on it.
	lost := func() bool { return held.Err() != nil && ctx.Err() == nil }
	st, err := r.publishHeld(held, dist, keyring, holding{locked, lost}, edit)
	return st, errors.Join(err, unlock())
}

// holding says whether there is a lock, and whether it was lost.
type holding struct {
	locked bool
	lost   func() bool
}

func (r *Repository) lock(ctx context.Context) (held context.Context, unlock func() error, locked bool, err error) {
	l, ok := r.storage.(Locker)
	if !ok {
		return ctx, func() error { return nil }, false, nil
	}
	held, unlock, err = l.Lock(ctx, func() { r.opts.Notice("waiting for another publisher") })
	return held, unlock, true, err
}

func (r *Repository) publishHeld(ctx context.Context, dist string, keyring openpgp.EntityList, hold holding, edit func(context.Context, *draft) error) (*state, error) {
	for try := 1; ; try++ {
		base, err := r.current(ctx, dist, keyring)
		if err != nil {
			return nil, err
		}
		d := &draft{
			transaction: &transaction{repo: r, keyring: keyring, locked: hold.locked},
			base:        base, changes: map[indexID]*change{}, loaded: map[indexID]*index{},
		}
		if r.opts.XZ != "" {
			d.xz = &xzProgram{r.opts.XZ}
		}
		if base != nil {
			d.settings = base.generation.Settings
		}
		err = edit(ctx, d)
		if err == nil && !d.force && d.indexes == nil && len(d.changes) == 0 {
			return base, d.again(ctx)
		}
		var next *state
		if err == nil {
			next, err = d.commit(ctx)
		}
		if err == nil {
			return next, nil
		}
		raced := errors.Is(err, ErrChanged)
		if hold.locked && !raced && !hold.lost() {
			d.takeBack(context.WithoutCancel(ctx))
		}
		if !raced || try == maxRaces {
			return nil, err
		}
		r.opts.Notice("another publisher committed first; trying again")
		if err := cancel.Sleep(ctx, rand.N(time.Duration(min(try, 20))*20*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}

// load loads an index of the base, or an empty one.
func (d *draft) load(ctx context.Context, id indexID) (*index, error) {
	if ix := d.loaded[id]; ix != nil {
		return ix, nil
	}
	ix := &index{storage: d.repo.storage, dist: d.settings.Distribution, ref: indexRef{indexID: id}, table: &table{}}
	if d.base != nil {
		if ref := d.base.generation.index(id); ref != nil {
			var err error
			if ix, err = loadIndex(ctx, d.repo.storage, d.settings.Distribution, *ref); err != nil {
				return nil, err
			}
		}
	}
	d.loaded[id] = ix
	return ix, nil
}

// change returns the changes of an index, to be added to.
func (d *draft) change(id indexID) *change {
	c := d.changes[id]
	if c == nil {
		c = &change{drop: map[uint64]bool{}}
		d.changes[id] = c
	}
	return c
}

func (t *transaction) note(created string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.created = append(t.created, created)
}

// commit writes the next generation, in an order that never shows clients a thing
// that isn't there: first packages, what is named by content, and the record.
// InRelease is the commit.
func (d *draft) commit(ctx context.Context) (*state, error) {
	indexes, files, err := d.buildIndexes(ctx)
	if err != nil {
		return nil, err
	}
	next, record, err := d.next(ctx, indexes)
	if err != nil {
		return nil, err
	}
	files = d.newFiles(append(files, record))
	if d.locked {
		return next, d.commitLocked(ctx, next, files)
	}
	return next, d.commitRacing(ctx, next, files)
}

// next is the state that is to be committed, and its record.
func (d *draft) next(ctx context.Context, indexes []indexRef) (*state, NewFile, error) {
	g := &generation{Format: generationFormat, Number: 1, Action: d.action, Settings: d.settings, Indexes: indexes}
	if d.base != nil {
		g.Number, g.Parent = d.base.ref.Number+1, &d.base.ref
	}
	var err error
	if g.Date, err = d.date(ctx); err != nil {
		return nil, NewFile{}, err
	}
	record, err := g.encode()
	if err != nil {
		return nil, NewFile{}, err
	}
	ref := generationRef{g.Number, digest.Sum(record)}
	next := &state{generation: g, ref: ref, release: releaseOf(g, ref)}
	next.inline, next.detached, err = d.sign(ctx, next.release.encode())
	return next, NewFile{generationName(d.settings.Distribution, ref), Bytes(record)}, err
}

// commitLocked gives the indexes their plain names, then writes Release, its
// signature and InRelease.
func (d *draft) commitLocked(ctx context.Context, next *state, files []NewFile) error {
	if err := d.create(ctx, files); err != nil {
		return err
	}
	if err := d.expose(ctx, next.generation); err != nil {
		return err
	}
	name := d.settings.Distribution
	err := replaceAll(ctx, d.repo.storage, []Replacement{
		{releaseName(name), next.release.encode(), Any}, {releaseName(name) + ".gpg", next.detached, Any},
		{inRelease(name), next.inline, d.was()},
	})
	if err != nil {
		return err
	}
	return d.retire(ctx, d.base, next)
}

// was is what InRelease has to be to be replaced.
func (d *draft) was() Version {
	if d.base == nil {
		return None
	}
	return d.base.version
}

// buildIndexes makes what clients and publishers read by content.
func (d *draft) buildIndexes(ctx context.Context) ([]indexRef, []NewFile, error) {
	if d.indexes != nil {
		return d.indexes, nil, nil
	}
	ids := d.settings.ids()
	refs := make([]indexRef, len(ids))
	var files []NewFile
	for i, id := range ids {
		ix, err := d.load(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		storePlain := id.Kind == packagesKind && !d.settings.OnlyCompressed
		c := d.changes[id]
		if c == nil && !ix.ref.Table.IsZero() && (!d.force || ix.stored(plain) == storePlain) {
			refs[i] = ix.ref
			continue
		}
		if c == nil {
			c = &change{}
		}
		c.storePlain = storePlain
		b, err := ix.apply(ctx, *c, d.xz)
		if err != nil {
			return nil, nil, err
		}
		refs[i] = b.ref
		files = append(files, NewFile{tableName(b.ref.Table), Bytes(b.table)})
		for _, content := range b.files {
			if content != nil {
				files = append(files, NewFile{b.ref.byHash(d.settings.Distribution, content.SHA256), *content})
			}
		}
	}
	return refs, files, nil
}

// newFiles are those that have to be there: the packages' and others.
func (d *draft) newFiles(others []NewFile) []NewFile {
	all := make([]NewFile, 0, len(d.pool)+len(others))
	for _, p := range d.pool {
		all = append(all, NewFile{poolName(p.key), p.content})
	}
	return append(all, others...)
}

// create writes newFiles. Of those that are named by their content one that is
// there is the same; a package's has to be.
func (d *draft) create(ctx context.Context, all []NewFile) error {
	var there []int
	var failed []error
	for i, err := range createAll(ctx, d.repo.storage, all) {
		switch {
		case err == nil:
			d.note(all[i].Name)
		case errors.Is(err, fs.ErrExist):
			if i < len(d.pool) && !d.pool[i].listed {
				there = append(there, i)
			}
		case !errors.Is(err, errSkipped):
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return parallel.Each(ctx, maxParallel, len(there), func(ctx context.Context, i int) error { return d.repo.same(ctx, d.pool[there[i]].pkg) })
}

// same fails if a package's file in the pool has other bytes, or is gone again.
func (r *Repository) same(ctx context.Context, p *pkg) error {
	name := poolName(p.key)
	sum, _, err := hashFile(ctx, r.storage, name)
	if errors.Is(err, fs.ErrNotExist) {
		err = &RemovedError{name}
	}
	if err == nil && sum != p.content.SHA256 {
		err = &ConflictError{p.name, p.version, p.arch, name}
	}
	return err
}

// expose writes the indexes that clients read who don't know by-hash. They are
// complete only with InRelease, and wrong for a moment.
func (d *draft) expose(ctx context.Context, g *generation) error {
	name := releaseName(g.Settings.Distribution)
	d.before = map[string][]byte{}
	for _, name := range []string{name, name + ".gpg"} {
		b, _, err := readAll(ctx, d.repo.storage, name)
		if err == nil {
			d.before[name] = b
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return d.repo.exposeIndexes(ctx, g)
}

// exposeIndexes gives a generation's indexes their plain names, also those that
// didn't change: a publisher that was killed may have left others there.
func (r *Repository) exposeIndexes(ctx context.Context, g *generation) error {
	type file struct{ from, to string }
	var files []file
	dist := g.Settings.Distribution
	for _, ix := range g.Indexes {
		for v := plain; v < variants; v++ {
			if f := ix.Files[v.ending()]; f.Stored {
				files = append(files, file{ix.byHash(dist, f.SHA256), distsDir + dist + "/" + ix.file(v)})
			}
		}
	}
	return parallel.Each(ctx, maxParallel, len(files), func(ctx context.Context, i int) error {
		return copyFile(ctx, r.storage, files[i].from, files[i].to)
	})
}

// copyFile copies in the storage, if it can, else through this process.
func copyFile(ctx context.Context, s Storage, from, to string) error {
	if c, ok := s.(Copier); ok {
		return c.Copy(ctx, from, to)
	}
	f, err := s.Get(ctx, from)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return s.Replace(ctx, to, data, Any)
}

// retire removes plain names that the new generation has no file for. The commit
// is done: what fails here, verify finds.
func (d *draft) retire(ctx context.Context, before, next *state) error {
	if before == nil {
		return nil
	}
	now := storedNames(next.generation)
	var gone []string
	for _, name := range storedNames(before.generation) {
		if !slices.Contains(now, name) {
			gone = append(gone, name)
		}
	}
	return parallel.Each(ctx, maxParallel, len(gone), func(ctx context.Context, i int) error {
		return d.repo.storage.Remove(ctx, gone[i])
	})
}

// storedNames are the plain names of a generation's indexes.
func storedNames(g *generation) (names []string) {
	for _, ix := range g.Indexes {
		for v := plain; v < variants; v++ {
			if ix.Files[v.ending()].Stored {
				names = append(names, distsDir+g.Settings.Distribution+"/"+ix.file(v))
			}
		}
	}
	return names
}

// takeBack removes what was written, after a failure, while nobody else can have
// built on it. Nothing is removed unless InRelease is still what it was: a
// failure may come after the deed. What can't be taken back now is garbage, which
// gc collects; so errors don't matter.
func (d *draft) takeBack(ctx context.Context) {
	dist := d.settings.Distribution
	b, _, err := readAll(ctx, d.repo.storage, inRelease(dist))
	if d.base == nil && !errors.Is(err, fs.ErrNotExist) || d.base != nil && (err != nil || string(b) != string(d.base.inline)) {
		return
	}
	if d.before != nil && d.base != nil {
		d.restore(ctx)
	}
	for _, name := range d.created {
		_ = d.repo.storage.Remove(ctx, name)
	}
}

// restore gives the plain names back to the base.
func (d *draft) restore(ctx context.Context) {
	_ = d.repo.exposeIndexes(ctx, d.base.generation)
	for name, data := range d.before {
		_ = d.repo.storage.Replace(ctx, name, data, Any)
	}
}
