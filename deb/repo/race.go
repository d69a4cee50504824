package repo

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/parallel"
)

// commitRacing commits where no lock keeps other publishers and gc away. Nothing
// that has one name for all of them is written before InRelease says who was
// first: who loses has left only files that are named by their content.
func (d *draft) commitRacing(ctx context.Context, next *state, files []NewFile) error {
	names := append([]string{}, d.needs...)
	for _, f := range files {
		names = append(names, f.Name)
	}
	seen, err := d.repo.pardon(ctx, names)
	if err != nil {
		return err
	}
	if err := d.repo.remain(ctx, d.needs); err != nil {
		return err
	}
	if err := d.create(ctx, files); err != nil {
		return err
	}
	now, err := d.repo.pardon(ctx, names)
	if err == nil && now != seen {
		err = d.repo.remain(ctx, names)
	}
	if err != nil {
		return err
	}
	if err := d.repo.storage.Replace(ctx, inRelease(d.settings.Distribution), next.inline, d.was()); err != nil {
		return err
	}
	return d.settle(ctx, d.base, next)
}

// settle gives the indexes of a generation that is committed their plain names,
// and writes Release and its signature. Another publisher may have followed and
// done the same meanwhile; so whoever wrote last looks what is current, and does it
// again for that. If a publisher is killed here, the next one does it.
func (d *draft) settle(ctx context.Context, before, now *state) error {
	dist := d.settings.Distribution
	for {
		if err := d.repo.exposeIndexes(ctx, now.generation); err != nil {
			return err
		}
		err := replaceAll(ctx, d.repo.storage, []Replacement{
			{releaseName(dist) + ".gpg", now.detached, Any}, {releaseName(dist), now.release.encode(), Any},
		})
		if err == nil {
			err = d.retire(ctx, before, now)
		}
		if err != nil {
			return err
		}
		inline, _, err := readAll(ctx, d.repo.storage, inRelease(dist))
		if err != nil || bytes.Equal(inline, now.inline) {
			return err
		}
		before = now
		if now, err = d.repo.mustCurrent(ctx, dist, d.keyring); err != nil {
			return err
		}
		if _, now.detached, err = d.sign(ctx, now.release.encode()); err != nil {
			return err
		}
	}
}

// again is for what is published already: a file that got lost comes back, and
// what a publisher that was killed didn't come to is done.
func (d *draft) again(ctx context.Context) error {
	if err := d.create(ctx, d.newFiles(nil)); err != nil || d.locked || d.base == nil {
		return err
	}
	ok, err := d.settled(ctx)
	if err != nil || ok {
		return err
	}
	if _, d.base.detached, err = d.sign(ctx, d.base.release.encode()); err != nil {
		return err
	}
	return d.settle(ctx, d.base, d.base)
}

// settled reports whether Release and its signature are those of the base, and so
// the indexes, which are written before them.
func (d *draft) settled(ctx context.Context) (bool, error) {
	name, text := releaseName(d.settings.Distribution), d.base.release.encode()
	release, _, err := readAll(ctx, d.repo.storage, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(release, text) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	detached, _, err := readAll(ctx, d.repo.storage, name+".gpg")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = sign.VerifyDetached(d.keyring, text, detached, d.repo.opts.Now())
	return err == nil, nil
}

// RemovingError says that gc is removing a file that a publisher needs.
type RemovingError struct{ File string }

func (e *RemovingError) Error() string { return e.File + " is being removed by gc at this moment" }

// Hint says what to do.
func (e *RemovingError) Hint() string {
	return "publish again when gc is done; if it was killed, let `envbuild repo gc` end its work"
}

// RemovedError says that gc has removed a file that a publisher needs.
type RemovedError struct{ File string }

func (e *RemovedError) Error() string { return e.File + " was removed by gc meanwhile" }

// Hint says what to do.
func (e *RemovedError) Hint() string {
	return "publish again; which generations are left to roll back to says `envbuild repo ls --generations`"
}

// pardon keeps gc from removing files that are about to be needed, as long as
// gc's grace. A publisher calls it before it looks which of them are there, and
// again before it commits. If the serial that it returns is another one then, gc
// was there, and may have condemned and removed them in between.
func (r *Repository) pardon(ctx context.Context, names []string) (serial int, err error) {
	for {
		c, err := r.readCondemned(ctx)
		if err != nil {
			return 0, err
		}
		found := false
		for _, name := range names {
			if c.removing(name) {
				return 0, &RemovingError{name}
			}
			if _, ok := c.Files[name]; ok {
				delete(c.Files, name)
				found = true
			}
		}
		if !found {
			return c.Serial, nil
		}
		if err := r.writeCondemned(ctx, c); err != nil && !errors.Is(err, ErrChanged) {
			return 0, err
		}
	}
}

// remain fails with a *RemovedError unless all of the files are there.
func (r *Repository) remain(ctx context.Context, names []string) error {
	return parallel.Each(ctx, maxParallel, len(names), func(ctx context.Context, i int) error {
		f, err := r.storage.Get(ctx, names[i])
		if errors.Is(err, fs.ErrNotExist) {
			return &RemovedError{names[i]}
		}
		if err != nil {
			return err
		}
		return f.Close()
	})
}
