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

// RuntimeInput is the digest of what resolution reads of a language's runtime. It
// doesn't change with the spec's formatting, nor with what only packaging reads.
func (s *Spec) RuntimeInput(language string) LockInput {
	var r Runtime
	if found := s.Runtime(language); found != nil {
		r = *found
	}
	o := r.Options
	h := digest.NewHasher("envbuild spec runtime 1")
	h.Field("language", r.Language)
	h.Field("constraint", r.Constraint)
	// How the runtime is built is what a requirement file that is a program sees of
	// it.
	h.Field("configure", o.Configure...)
	h.Field("patches", o.Patches...)
	h.Field("threads", strconv.FormatBool(o.Threads))
	h.Field("source", o.Source, o.SHA256)
	if r.rawOptions != nil {
		h.Field("options", string(r.rawOptions.YAML()))
	}
	return LockInput{Name: runtimeInput, SHA256: h.SHA256()}
}

// EcosystemInput is the digest of a section of dependencies as it was written, but
// for its formatting: for languages to which every key of it matters.
func (s *Spec) EcosystemInput(name string) LockInput {
	h := digest.NewHasher("envbuild spec ecosystem 1")
	if e := s.Ecosystem(name); e != nil && e.Section != nil {
		h.Field(name, string(e.Section.YAML()))
	}
	return LockInput{Name: dependenciesInput + "." + name, SHA256: h.SHA256()}
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
