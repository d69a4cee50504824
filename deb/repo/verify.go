package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/deb/repo/sign"
	"github.com/envbuild/envbuild/internal/cancel"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/parallel"
)

// Verified is what Verify looked at.
type Verified struct {
	Distributions int `json:"distributions"`
	Generations   int `json:"generations"`
	Indexes       int `json:"indexes"`
	// Packages is the number of package files.
	Packages int `json:"packages"`
	// Problems are what is wrong.
	Problems []error `json:"-"`
}

// Verify reads everything that kept generations name: signatures, records, indexes
// and packages, and compares it with what it has to be. Signatures are checked
// with the keyring; nil is that of the repository's own keys.
func (r *Repository) Verify(ctx context.Context, keyring []byte) (Verified, error) {
	if keyring == nil {
		keyring = r.config.Keys
	}
	keys, err := sign.Keyring(keyring)
	if err != nil {
		return Verified{}, &SettingsError{"keyring", "", "can't be read: " + err.Error(), "give one that gpg --export wrote"}
	}
	v := &verifier{repo: r, keys: keys, tables: map[digest.SHA256]bool{}, hashed: map[string]bool{}, files: map[string]*stanza{}}
	for _, dist := range r.config.Distributions {
		v.Distributions++
		if err := v.distribution(ctx, dist); err != nil {
			return v.Verified, err
		}
	}
	v.packages(ctx)
	if ctx.Err() != nil {
		return v.Verified, context.Cause(ctx)
	}
	return v.Verified, nil
}

type verifier struct {
	Verified
	repo *Repository
	keys openpgp.EntityList
	// tables and hashed are what was looked at already.
	tables map[digest.SHA256]bool
	hashed map[string]bool
	// files are the packages to look at, by name.
	files map[string]*stanza
	mu    sync.Mutex
}

// problem notes what is wrong. Only an end of the context ends the whole.
func (v *verifier) problem(name string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var state *StateError
	if !errors.As(err, &state) {
		err = &StateError{name, err}
	}
	v.Problems = append(v.Problems, err)
}

func (v *verifier) distribution(ctx context.Context, dist string) error {
	st, err := v.repo.current(ctx, dist, v.keys)
	if err == nil && st == nil {
		err = errors.New("there is none")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		v.problem(inRelease(dist), err)
		return nil
	}
	v.detached(ctx, dist, st)
	all, err := v.repo.history(ctx, dist, st)
	if err != nil {
		v.problem(generationsDir+dist, err)
		all = []Generation{{Distribution: dist, ref: st.ref, record: st.generation}}
	}
	for i, g := range all {
		v.Generations++
		for _, ref := range g.record.Indexes {
			v.index(ctx, dist, ref, i == 0)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// detached checks Release and Release.gpg.
func (v *verifier) detached(ctx context.Context, dist string, st *state) {
	name := releaseName(dist)
	text, _, err := readAll(ctx, v.repo.storage, name)
	if err == nil && !bytes.Equal(text, st.release.encode()) {
		err = errors.New("it differs from InRelease")
	}
	if err != nil {
		v.problem(name, err)
		return
	}
	sig, _, err := readAll(ctx, v.repo.storage, name+".gpg")
	if err == nil {
		_, err = sign.VerifyDetached(v.keys, text, sig, v.repo.opts.Now())
	}
	if err != nil {
		v.problem(name+".gpg", err)
	}
}

// index checks an index's files, and notes its packages.
func (v *verifier) index(ctx context.Context, dist string, ref indexRef, current bool) {
	for x := plain; x < variants; x++ {
		f, ok := ref.Files[x.ending()]
		if !ok || !f.Stored {
			continue
		}
		if name := ref.byHash(dist, f.SHA256); !v.hashed[name] {
			v.hashed[name] = true
			v.hash(ctx, name, f)
		}
		if current {
			v.hash(ctx, distsDir+dist+"/"+ref.file(x), f)
		}
	}
	if v.tables[ref.Table] {
		return
	}
	v.tables[ref.Table] = true
	v.Indexes++
	ix, err := loadIndex(ctx, v.repo.storage, dist, ref)
	if err != nil {
		v.problem(tableName(ref.Table), err)
		return
	}
	if err := v.content(ctx, ix); err != nil {
		v.problem(ref.byHash(dist, ref.Files[gzipped.ending()].SHA256), err)
	}
}

// hash compares a file with what is said of it.
func (v *verifier) hash(ctx context.Context, name string, want fileRef) {
	sum, size, err := hashFile(ctx, v.repo.storage, name)
	if err == nil && (sum != want.SHA256 || size != want.Size) {
		err = fmt.Errorf("it has %d bytes and the SHA-256 %s, not %d and %s", size, sum, want.Size, want.SHA256)
	}
	if err != nil {
		v.problem(name, err)
	}
}

func hashFile(ctx context.Context, s Storage, name string) (digest.SHA256, int64, error) {
	f, err := s.Get(ctx, name)
	if err != nil {
		return digest.SHA256{}, 0, err
	}
	sum, size, err := digest.SumReader(cancel.Reader(ctx, f))
	return sum, size, errors.Join(err, f.Close())
}

// content checks that all variants of an index hold one text, and reads it.
func (v *verifier) content(ctx context.Context, ix *index) error {
	items, err := ix.all(ctx)
	if err != nil {
		return err
	}
	h := digest.NewWriter(io.Discard)
	for _, it := range items {
		if _, err := h.Write(it.text); err != nil {
			return err
		}
		if ix.ref.Kind != packagesKind {
			continue
		}
		s, err := parseStanza(it.text)
		if err != nil {
			return err
		}
		if s.print() != it.print {
			return fmt.Errorf("its table has another package in the place of %s", s.key)
		}
		if was := v.files[s.file]; was != nil && !bytes.Equal(was.text, s.text) {
			return fmt.Errorf("two indexes say different things of %s", s.file)
		}
		v.files[s.file] = s
	}
	want := ix.ref.Files[plain.ending()]
	if h.SHA256() != want.SHA256 || h.Size() != want.Size || len(items) != ix.ref.Packages {
		return errors.New("uncompressed it isn't what the release file says")
	}
	if !ix.stored(xzipped) {
		return nil
	}
	return v.contentXZ(ctx, ix, want)
}

func (v *verifier) contentXZ(ctx context.Context, ix *index, want fileRef) error {
	f, err := v.repo.storage.Get(ctx, ix.name(xzipped))
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := xz.ReaderConfig{DictCap: 1 << 16}.NewReader(cancel.Reader(ctx, f))
	if err != nil {
		return &StateError{ix.name(xzipped), err}
	}
	sum, size, err := digest.SumReader(r)
	if err == nil && (sum != want.SHA256 || size != want.Size) {
		err = errors.New("uncompressed it isn't what the release file says")
	}
	if err != nil {
		return &StateError{ix.name(xzipped), err}
	}
	return nil
}

// packages reads every package, and compares what it says with its stanza.
func (v *verifier) packages(ctx context.Context) {
	list := make([]*stanza, 0, len(v.files))
	for _, s := range v.files {
		list = append(list, s)
	}
	_ = parallel.Each(ctx, maxParallel, len(list), func(ctx context.Context, i int) error {
		s := list[i]
		open := func() (io.ReadCloser, error) { return v.repo.storage.Get(ctx, s.file) }
		p, err := readPackage(v.repo.opts.XZ, s.file, open)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && (p.content.SHA256 != s.sha256 || p.content.Size != s.size):
			err = fmt.Errorf("it has %d bytes and the SHA-256 %s, not %d and %s", p.content.Size, p.content.SHA256, s.size, s.sha256)
		case err == nil && !bytes.Equal(p.stanza, s.text):
			err = errors.New("its control file isn't what the index says")
		}
		if err != nil {
			v.problem(s.file, err)
		}
		return nil
	})
	v.Packages = len(list)
}
