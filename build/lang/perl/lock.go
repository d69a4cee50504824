package perl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// Lock resolves the spec's perl and, from cpanfile and cpanfile.snapshot, its
// distributions, and pins each by digest. Errors that a person can mend have a
// Hint.
func (p *Perl) Lock(ctx context.Context, req lang.LockRequest) (*lang.LockResult, error) {
	inputs, err := p.Inputs(req.Spec, req.ReadFile)
	if err != nil {
		return nil, err
	}
	lock := &pkgspec.Lock{Inputs: inputs}
	runtime, err := lockRuntime(ctx, &req, lock)
	if err != nil {
		return nil, err
	}
	lock.Date = runtime.Newest
	result := &lang.LockResult{Lock: lock}
	if req.Spec.CPAN() == nil {
		return result, nil
	}
	r, err := p.newResolver(ctx, &req, lock, runtime)
	if err != nil {
		return nil, err
	}
	found, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if lock.Distributions, err = found.pins(); err != nil {
		return nil, err
	}
	lock.Date = found.newest(lock.Date)
	result.Notices = found.notices()
	return result, nil
}

// Inputs implements lang.Language: the sections of the spec, the cpanfile, the
// snapshot, the runtime's patches.
func (*Perl) Inputs(spec *pkgspec.Spec, readFile lang.ReadFile) ([]pkgspec.LockInput, error) {
	inputs := []pkgspec.LockInput{spec.RuntimeInput(language), spec.CPANInput()}
	var files []string
	if c := spec.CPAN(); c != nil {
		files = append(files, c.Cpanfile, snapshotName(c))
	}
	files = append(files, runtimeOf(spec).Options.Patches...)
	slices.Sort(files)
	for _, name := range slices.Compact(files) {
		data, err := readFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, pkgspec.LockInput{Name: name, SHA256: digest.Sum(data)})
	}
	slices.SortFunc(inputs, func(a, b pkgspec.LockInput) int { return strings.Compare(a.Name, b.Name) })
	return inputs, nil
}

// snapshotName is the path of the snapshot, which lies beside the cpanfile.
func snapshotName(c *pkgspec.CPAN) string {
	return path.Join(path.Dir(c.Cpanfile), "cpanfile.snapshot")
}

// unchanged reports whether the previous lock was made from the same input, or
// equally without it.
func unchanged(req *lang.LockRequest, inputs []pkgspec.LockInput, name string) bool {
	if req.Previous == nil {
		return false
	}
	find := func(in []pkgspec.LockInput) digest.SHA256 {
		for _, i := range in {
			if i.Name == name {
				return i.SHA256
			}
		}
		return digest.SHA256{}
	}
	return find(inputs) == find(req.Previous.Inputs)
}

// lockRuntime pins the runtime and reads what its archive says of the core. A
// pinned release stays while its section of the spec does, so that a later
// catalogue changes nothing by itself.
func lockRuntime(ctx context.Context, req *lang.LockRequest, lock *pkgspec.Lock) (*runtimeFacts, error) {
	runtime := runtimeOf(req.Spec)
	pin, err := pinRuntime(runtime)
	var none *RuntimeError
	if errors.As(err, &none) {
		return nil, req.Spec.ErrorAt(none.Error(), none.Hint(), runtime.Path()...)
	}
	if err != nil {
		return nil, err
	}
	keep := unchanged(req, lock.Inputs, req.Spec.RuntimeInput(language).Name) && !slices.Contains(req.Update, runtimeStepName)
	if keep && req.Previous.Runtime.Language == pin.Language {
		pin = req.Previous.Runtime
	}
	archive, err := req.Sources.Pinned(ctx, runtimeSource(pin))
	if err != nil {
		return nil, fmt.Errorf("perl %s: %w", pin.Version, err)
	}
	pin.Source.Size = archive.Size
	facts, err := readRuntimeFacts(req.Sources, pin, archive)
	if err != nil {
		return nil, err
	}
	pin.Date = facts.Newest
	lock.Runtime = pin
	return facts, nil
}

// newResolver reads the project's files.
func (p *Perl) newResolver(ctx context.Context, req *lang.LockRequest, lock *pkgspec.Lock, runtime *runtimeFacts) (*resolver, error) {
	c := req.Spec.CPAN()
	file, err := p.readCpanfile(ctx, req, lock, c.Cpanfile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingFileError{File: c.Cpanfile}
	}
	if err != nil {
		return nil, err
	}
	if err := file.checkAddresses(c.Cpanfile); err != nil {
		return nil, err
	}
	for _, name := range c.Features {
		if !slices.Contains(file.features, name) {
			unknown := &UnknownFeatureError{File: c.Cpanfile, Name: name, Known: file.features}
			return nil, req.Spec.ErrorAt(unknown.Error(), unknown.Hint(), "dependencies", "cpan", "features")
		}
	}
	perl, err := parseVersion("v" + lock.Runtime.Version)
	if err != nil {
		return nil, err
	}
	r := &resolver{
		req: req, perl: perl, core: runtime.modules(), mirrors: lockMirrors(req.Spec, lang.Addresses(req.Registries), file),
		roots: file.selected(c.Without, c.Features), conflicts: file.conflicts(c.Without, c.Features),
		indexes: make(map[string]*index), made: make(map[string]*candidate),
		excluded: make(map[*candidate]string), renew: make(map[string]bool),
	}
	return r, r.readPool(c, lock)
}

// readPool makes candidates of the snapshot and of the previous lock.
func (r *resolver) readPool(c *pkgspec.CPAN, lock *pkgspec.Lock) error {
	name := snapshotName(c)
	data, err := r.req.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var dists []snapshotDist
	if err == nil {
		r.snapshotFile = name
		if dists, err = parseSnapshot(name, data); err != nil {
			return err
		}
	}
	r.pool = newPool(dists, r.req.Previous, unchanged(r.req, lock.Inputs, name))
	r.markRenewed()
	return nil
}

// newest returns the newest time that the pinned archives record.
func (s *selection) newest(t time.Time) time.Time {
	for _, c := range s.sorted() {
		t = newer(t, c.facts.Newest)
	}
	return t
}
