package pkgspec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// The names of the inputs that are sections of the spec.
const (
	runtimeInput      = "runtime"
	dependenciesInput = "dependencies"
)

// RuntimeInput is the digest of what resolution reads of the runtime section. It
// doesn't change with the spec's formatting, nor with what only packaging reads.
func (s *Spec) RuntimeInput() LockInput {
	r, o := s.Runtime, s.Runtime.Options
	h := digest.NewHasher("envbuild spec runtime 1")
	h.Field("language", r.Language)
	h.Field("constraint", r.Constraint)
	// How the runtime is built is what a cpanfile that is a program sees of it.
	h.Field("configure", o.Configure...)
	h.Field("patches", o.Patches...)
	h.Field("threads", strconv.FormatBool(o.Threads))
	h.Field("source", o.Source, o.SHA256)
	return LockInput{Name: runtimeInput, SHA256: h.SHA256()}
}

// DependenciesInput is the digest of what resolution reads of the dependencies
// section. It doesn't change with the spec's formatting, with the order of what
// has none, nor with the environment and Debian packages of single builds.
func (s *Spec) DependenciesInput() LockInput {
	h := digest.NewHasher("envbuild spec dependencies 1")
	if c := s.Dependencies.CPAN; c != nil {
		h.Field("cpan", c.Cpanfile)
		h.Field("without", set(c.Without)...)
		h.Field("features", set(c.Features)...)
		h.Field("mirrors", c.Mirrors...)
		help := slices.SortedFunc(slices.Values(c.Build), func(a, b BuildHelp) int {
			return strings.Compare(a.Distribution, b.Distribution)
		})
		for _, b := range help {
			if len(b.Needs) > 0 {
				h.Field("needs", append([]string{b.Distribution}, set(b.Needs)...)...)
			}
		}
	}
	others := slices.SortedFunc(slices.Values(s.Dependencies.Others), func(a, b Ecosystem) int {
		return strings.Compare(a.Name, b.Name)
	})
	for _, o := range others {
		h.Field(o.Name, string(o.Section.YAML()))
	}
	return LockInput{Name: dependenciesInput, SHA256: h.SHA256()}
}

// set returns the words sorted, each once.
func set(words []string) []string { return slices.Compact(slices.Sorted(slices.Values(words))) }

// Stale compares what the lock was resolved from with what is there now and says
// in clauses what differs; nil if nothing does.
func (l *Lock) Stale(current []LockInput) []string {
	now := make(map[string]digest.SHA256, len(current))
	for _, in := range current {
		now[in.Name] = in.SHA256
	}
	was := make(map[string]bool, len(l.Inputs))
	var out []string
	for _, in := range sortedInputs(l.Inputs) {
		was[in.Name] = true
		switch sum, ok := now[in.Name]; {
		case !ok:
			out = append(out, fmt.Sprintf("%s is gone, from which the lock was made", inputTitle(in.Name)))
		case sum != in.SHA256:
			out = append(out, fmt.Sprintf("%s changed since the lock was made", inputTitle(in.Name)))
		}
	}
	for _, in := range sortedInputs(current) {
		if !was[in.Name] {
			out = append(out, fmt.Sprintf("%s is new since the lock was made", inputTitle(in.Name)))
		}
	}
	return out
}

func inputTitle(name string) string {
	if name == runtimeInput || name == dependenciesInput {
		return "the section " + name + " of " + SpecName
	}
	return "the file " + name
}

func sortedInputs(ins []LockInput) []LockInput {
	return slices.SortedFunc(slices.Values(ins), func(a, b LockInput) int { return strings.Compare(a.Name, b.Name) })
}

// Digest names what the lock says: two locks with one digest pin the same
// content from the same inputs, however their files are commented.
func (l *Lock) Digest() digest.SHA256 {
	h := digest.NewHasher("envbuild lock 1")
	for _, in := range sortedInputs(l.Inputs) {
		h.Field("input", in.Name, in.SHA256.String())
	}
	h.Field("date", formatDate(l.Date))
	h.Field("runtime", append([]string{l.Runtime.Language, l.Runtime.Version}, l.Runtime.Source.fields()...)...)
	h.Field("runtime date", formatDate(l.Runtime.Date))
	for _, p := range sortedPins(l.Distributions) {
		h.Field("distribution", append([]string{p.Name, p.Version, strconv.FormatInt(p.CBytes, 10)}, p.Source.fields()...)...)
		if p.License != "" {
			h.Field("license", p.License)
		}
		h.Field("requires", set(p.Requires)...)
		for _, m := range sortedModules(p.Provides) {
			h.Field("provides", m.Name, m.Version)
		}
	}
	return h.SHA256()
}

func (s SourcePin) fields() []string {
	return []string{s.Path, s.URL, s.SHA256.String(), strconv.FormatInt(s.Size, 10)}
}

func sortedPins(pins []Pin) []Pin {
	return slices.SortedFunc(slices.Values(pins), func(a, b Pin) int { return strings.Compare(a.Name, b.Name) })
}

func sortedModules(ms []Module) []Module {
	return slices.SortedFunc(slices.Values(ms), func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
}
