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
	pin, runtime, err := lockRuntime(ctx, &req)
	if err != nil {
		return nil, err
	}
	pins := pkgspec.LanguageLock{Language: language, Runtime: pin}
	result := &lang.LockResult{Pins: pins, Date: runtime.Newest}
	if req.Spec.CPAN() == nil {
		result.Unknown = slices.DeleteFunc(slices.Clone(req.Update), func(name string) bool { return name == runtimeStepName })
		return result, nil
	}
	lock := &pkgspec.Lock{Inputs: req.Inputs, Languages: []pkgspec.LanguageLock{pins}}
	r, err := p.newResolver(ctx, &req, lock, runtime)
	if err != nil {
		return nil, err
	}
	found, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if result.Pins.Distributions, err = found.pins(); err != nil {
		return nil, err
	}
	result.Date = found.newest(result.Date)
	result.Notices, result.Unknown = found.notices(), found.unknown()
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

// isUnchanged reports whether the previous lock was made from the same input, or
// equally without it.
func isUnchanged(req *lang.LockRequest, name string) bool {
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
	return find(req.Inputs) == find(req.Previous.Inputs)
}

// lockRuntime pins the runtime and reads what its archive says of the core. A
// pinned release stays while its section of the spec does, so that a later
// catalogue changes nothing by itself.
func lockRuntime(ctx context.Context, req *lang.LockRequest) (pin pkgspec.RuntimePin, facts *runtimeFacts, err error) {
	runtime := runtimeOf(req.Spec)
	pin, err = pinRuntime(runtime)
	var none *RuntimeError
	if errors.As(err, &none) {
		return pin, nil, req.Spec.ErrorAt(none.Error(), none.Hint(), runtime.Path()...)
	}
	if err != nil {
		return pin, nil, err
	}
	keep := isUnchanged(req, req.Spec.RuntimeInput(language).Name) && !slices.Contains(req.Update, runtimeStepName)
	if keep {
		if before := req.Previous.Language(language).Runtime; before.Version != "" && len(before.Sources) == 1 {
			pin = before
		}
	}
	archive, err := req.Sources.Pinned(ctx, runtimeSource(pin))
	if err != nil {
		return pin, nil, fmt.Errorf("perl %s: %w", pin.Version, err)
	}
	source := pin.Source()
	source.Size = archive.Size
	pin.Sources = []pkgspec.SourcePin{source}
	if facts, err = readRuntimeFacts(req.Sources, pin, archive); err != nil {
		return pin, nil, err
	}
	pin.Date = facts.Newest
	return pin, facts, nil
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
	perl, err := parseVersion("v" + lock.Language(language).Runtime.Version)
	if err != nil {
		return nil, err
	}
	r := &resolver{
		req: req, perl: perl, core: runtime.modules(), mirrors: lockMirrors(req.Spec, lang.Addresses(req.Registries), file),
		roots: file.selected(c.Without, c.Features), conflicts: file.conflicts(c.Without, c.Features),
		indexes: make(map[string]*index), made: make(map[string]*candidate),
		excluded: make(map[*candidate]string), renew: make(map[string]bool),
	}
	return r, r.readPool(c)
}

// readPool makes candidates of the snapshot and of the previous lock.
func (r *resolver) readPool(c *pkgspec.CPAN) error {
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
	r.pool = newPool(dists, r.req.Previous, isUnchanged(r.req, name))
	r.markRenewed()
	return nil
}

// newest returns the newest time that the pinned archives record.
func (s *selection) newest(t time.Time) time.Time {
	for _, c := range s.sorted() {
		t = maxTime(t, c.facts.Newest)
	}
	return t
}
