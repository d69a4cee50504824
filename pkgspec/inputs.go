package pkgspec

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// sectionInput is what the names of inputs begin with that are sections of the spec.
const sectionInput = SpecName + ":"

// SectionInput is the input of a section of the spec: "runtime.node".
func SectionInput(section string, sum digest.SHA256) LockInput {
	return LockInput{Name: sectionInput + section, SHA256: sum}
}

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
	return SectionInput("runtime."+language, h.SHA256())
}

// EcosystemInput is the digest of a section of dependencies as it was written, but
// for its formatting: for languages to which every key of it matters.
func (s *Spec) EcosystemInput(name string) LockInput {
	h := digest.NewHasher("envbuild spec ecosystem 1")
	if e := s.Ecosystem(name); e != nil && e.Section != nil {
		h.Field(name, string(e.Section.YAML()))
	}
	return SectionInput("dependencies."+name, h.SHA256())
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
	if section, ok := strings.CutPrefix(name, sectionInput); ok {
		return "the section " + section + " of " + SpecName
	}
	return "the file " + name
}

func sortedInputs(ins []LockInput) []LockInput {
	return slices.SortedFunc(slices.Values(ins), func(a, b LockInput) int { return strings.Compare(a.Name, b.Name) })
}

// Digest names what the lock says: two locks with one digest pin the same
// content from the same inputs, however their files are commented.
func (l *Lock) Digest() digest.SHA256 {
	h := digest.NewHasher("envbuild lock 2")
	for _, in := range sortedInputs(l.Inputs) {
		h.Field("input", in.Name, in.SHA256.String())
	}
	h.Field("date", formatDate(l.Date))
	h.Field("root", cmp.Or(l.Root, RootMachine))
	h.Field("targets", set(targetNames(l.Targets))...)
	for _, ll := range sortedLanguages(l.Languages) {
		h.Field("language", ll.Language, ll.Runtime.Version)
		h.Field("runtime date", formatDate(ll.Runtime.Date))
		hashSources(h, ll.Runtime.Sources)
		for _, p := range sortedPins(ll.Distributions) {
			hashPin(h, &p)
		}
	}
	return h.SHA256()
}

func hashPin(h *digest.Hasher, p *Pin) {
	h.Field("distribution", p.key(), cmp.Or(p.Name, p.ID), p.Version, strconv.FormatInt(p.CBytes, 10), p.License)
	h.Field("targets", set(targetNames(p.Targets))...)
	h.Field("places", set(p.Places)...)
	hashSources(h, p.Sources)
	h.Field("requires", set(p.Requires)...)
	for _, m := range sortedModules(p.Provides) {
		h.Field("provides", m.Name, m.Version)
	}
}

func hashSources(h *digest.Hasher, sources []SourcePin) {
	for _, s := range sortedSources(sources) {
		h.Field("file", s.Path, s.URL, s.SHA256.String(), strconv.FormatInt(s.Size, 10))
		h.Field("targets", set(targetNames(s.Targets))...)
	}
}

func sortedLanguages(ls []LanguageLock) []LanguageLock {
	return slices.SortedFunc(slices.Values(ls), func(a, b LanguageLock) int { return strings.Compare(a.Language, b.Language) })
}

func sortedSources(sources []SourcePin) []SourcePin {
	if len(sources) < 2 {
		return sources
	}
	return slices.SortedFunc(slices.Values(sources), func(a, b SourcePin) int { return strings.Compare(a.Path, b.Path) })
}

func sortedPins(pins []Pin) []Pin {
	return slices.SortedFunc(slices.Values(pins), func(a, b Pin) int { return strings.Compare(a.key(), b.key()) })
}

func sortedModules(ms []Module) []Module {
	return slices.SortedFunc(slices.Values(ms), func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
}
