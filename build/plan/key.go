package plan

import (
	"encoding/hex"
	"strconv"

	"github.com/envbuild/envbuild/internal/digest"
)

// The versions of the engines change when they treat equal steps differently.
const (
	sandboxVersion = "envbuild-step-2"
	unpackVersion  = "envbuild-unpack-1"
)

// Root is the system that steps see: what of it may influence a step.
type Root interface {
	// Inputs lists, in a fixed order, what of the root the step's key depends on.
	Inputs(s *Step) []Input
}

// Input is one named ingredient of a key.
type Input struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Dependency is a step that another needs directly, as it turned out.
type Dependency struct {
	ID, Name string
	// Closure is the digest of its output with all that it depends on.
	Closure digest.SHA256
	Output  digest.ID
}

// RootInput is the name of the ingredient that stands for all those of the root.
const RootInput = "root"

// Inputs lists everything that can influence the step, in a fixed order. Root is
// what the root's Inputs gave for it.
func Inputs(s *Step, root []Input, deps []Dependency) []Input {
	if s.Engine == Unpack {
		return unpackInputs(s)
	}
	var in inputs
	in.add("engine", sandboxVersion, string(s.Engine))
	in.add("version", s.Version)
	in.add("step", s.ID, s.Language, string(s.Kind))
	in.add("recipe", s.Recipe.Script, strconv.Itoa(s.Recipe.Version))
	in.add("prefixes", s.Prefix, WorkPath)
	for _, f := range s.Files {
		in.add("file "+f.Name, strconv.FormatUint(uint64(f.Mode), 8), f.Content)
	}
	for _, src := range s.Sources {
		in.add("source "+src.File, src.SHA256.String())
	}
	for _, v := range Environ(s) {
		in.add("variable "+v.Name, v.Value)
	}
	for _, f := range s.Shared {
		in.add("shared "+f.Path, string(f.Rule))
	}
	in.add("binary prefixes", s.BinaryPrefixes...)
	in.add("strip", s.Strip.Script, strconv.Itoa(s.Strip.Version))
	in.add("system packages", s.SysPackages...)
	in.add(RootInput, digestOf("root", root).String())
	labels := labelsOf(deps)
	for i, d := range deps {
		in.add("dependency "+labels[i], d.Output.String(), d.Closure.String())
	}
	return in
}

// labelsOf returns the dependencies' names, and the IDs of those that share one.
func labelsOf(deps []Dependency) []string {
	count := make(map[string]int, len(deps))
	for _, d := range deps {
		count[d.Name]++
	}
	labels := make([]string, len(deps))
	for i, d := range deps {
		labels[i] = d.Name
		if count[d.Name] > 1 {
			labels[i] = d.ID
		}
	}
	return labels
}

// unpackInputs has nothing of root or dependencies: an archive's content is the
// same everywhere.
func unpackInputs(s *Step) []Input {
	var in inputs
	in.add("engine", unpackVersion, string(s.Engine))
	for _, src := range s.Sources {
		in.add("source", src.SHA256.String())
	}
	in.add("format", s.Unpack.Format, strconv.Itoa(s.Unpack.Strip))
	in.add("executables", s.Unpack.Executables...)
	return in
}

// inputs collects ingredients.
type inputs []Input

func (in *inputs) add(name string, values ...string) {
	*in = append(*in, Input{Name: name, Values: values})
}

// ClosureDigest describes what a dependent sees of a step: its output, where it
// stands, and the same of what the step needs, in its order.
func ClosureDigest(s *Step, output digest.ID, deps []Dependency) digest.SHA256 {
	h := digest.NewHasher("closure")
	h.Field("output", output.String())
	h.Field("prefix", s.Prefix)
	h.Field("places", s.AllPlaces()...)
	for _, d := range deps {
		h.Field("dependency", d.Closure.String())
	}
	return h.SHA256()
}

// KeyOf hashes the inputs.
func KeyOf(inputs []Input) digest.Key { return digest.Key(digestOf("step", inputs)) }

func digestOf(domain string, inputs []Input) digest.SHA256 {
	h := digest.NewHasher(domain)
	for _, in := range inputs {
		h.Field(in.Name, in.Values...)
	}
	return h.SHA256()
}

// Summary tells inputs from others by a short digest for each name: it is what is
// kept of them, so that a rebuild can be explained by the input that changed.
type Summary map[string]string

// summaryBytes of a digest are enough to see a change, which nobody forges.
const summaryBytes = 8

// Summarize makes the summary of inputs. That of the root is whole: it names the
// root's own summary.
func Summarize(inputs []Input) Summary {
	sum := make(Summary, len(inputs))
	for _, in := range inputs {
		if in.Name == RootInput && len(in.Values) > 0 {
			sum[in.Name] = in.Values[0]
			continue
		}
		h := digest.NewHasher("input")
		h.Field(in.Name, in.Values...)
		d := h.SHA256()
		sum[in.Name] = hex.EncodeToString(d[:summaryBytes])
	}
	return sum
}

// Changed says of the first of the inputs, in their order, that is not as it was
// what happened to it: "recipe changed". It returns "" where nothing has changed.
func (was Summary) Changed(is []Input) string {
	now := Summarize(is)
	for _, in := range is {
		switch before, ok := was[in.Name]; {
		case !ok:
			return in.Name + " is new"
		case before != now[in.Name]:
			return in.Name + " changed"
		}
	}
	gone := ""
	for name := range was {
		if _, ok := now[name]; !ok && (gone == "" || name < gone) {
			gone = name
		}
	}
	if gone == "" {
		return ""
	}
	return gone + " is gone"
}
