package plan

import (
	"strconv"

	"github.com/envbuild/envbuild/internal/digest"
)

// keyVersion changes when the engine itself treats equal steps differently.
const keyVersion = "envbuild-step-1"

// keyExempt names the fields of Step and Source that are not in the key, with
// the reason. The test walks the types by reflection and fails for a field that
// is neither hashed nor here.
var keyExempt = map[string]string{
	"Step.Deps":          "the outputs of the closure are hashed instead, so that an identical rebuild cuts off what is behind it",
	"Step.CBytes":        "orders the schedule only",
	"Source.Name":        "for people",
	"Source.Size":        "the digest decides",
	"Source.Path":        "where an archive comes from never matters",
	"Source.Mirrors":     "where an archive comes from never matters",
	"Source.URLs":        "where an archive comes from never matters",
	"Source.DebianPaths": "where an archive comes from never matters",
	"Recipe.Name":        "for people",
}

// Machine is what a step sees of the host and what may thus influence it.
type Machine struct {
	// Arch is Debian's name of the architecture: "amd64".
	Arch string
	// Release names the distribution's release: "debian-12".
	Release string
	// Tools are the programs that build, by content.
	Tools []Tool
	// Packages holds the versions of installed Debian packages by name. A step's
	// key has those of BasePackages and of its SysPackages.
	Packages map[string]string
}

// Tool is a program of the host, named by its content.
type Tool struct {
	Path   string
	SHA256 digest.SHA256
}

// Dependency is a member of a step's closure with what it turned out to be.
type Dependency struct {
	Name   string
	Output digest.ID
}

// Input is one named ingredient of a key, kept so that a rebuild can be
// explained by the ingredient that changed.
type Input struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Inputs lists everything that can influence the step, in a fixed order. The
// closure comes in the graph's order.
func Inputs(s *Step, m Machine, closure []Dependency) []Input {
	var in []Input
	add := func(name string, values ...string) { in = append(in, Input{Name: name, Values: values}) }
	add("engine", keyVersion)
	add("step", s.Name, s.Version, string(s.Kind))
	add("recipe", s.Recipe.Script, strconv.Itoa(s.Recipe.Version))
	add("prefixes", RuntimePrefix, BundlePrefix, WorkPath)
	for _, f := range s.Files {
		add("file "+f.Name, strconv.FormatUint(uint64(f.Mode), 8), f.Content)
	}
	for _, src := range s.Sources {
		add("source "+src.File, src.SHA256.String())
	}
	for _, v := range Environ(s) {
		add("variable "+v.Name, v.Value)
	}
	for _, f := range s.Shared {
		add("shared "+f.Path, string(f.Rule))
	}
	add("binary prefixes", s.BinaryPrefixes...)
	add("strip", s.Strip.Script, strconv.Itoa(s.Strip.Version))
	add("machine", m.Arch, m.Release)
	for _, t := range m.Tools {
		add("tool "+t.Path, t.SHA256.String())
	}
	for _, p := range s.packages() {
		add("package "+p, m.Packages[p])
	}
	for _, d := range closure {
		add("dependency "+d.Name, d.Output.String())
	}
	return in
}

// packages returns the Debian packages whose versions are in the step's key.
func (s *Step) packages() []string {
	return append(append([]string(nil), BasePackages...), s.SysPackages...)
}

// BasePackages are the Debian packages that every step may compile and link
// against without declaring them (design.md §2.4).
var BasePackages = []string{
	"libc6", "libc6-dev", "libcrypt1", "libcrypt-dev", "libgcc-s1", "libstdc++6", "linux-libc-dev",
}

// KeyOf hashes the inputs.
func KeyOf(inputs []Input) digest.Key {
	h := digest.NewHasher("step")
	for _, in := range inputs {
		h.Field(in.Name, in.Values...)
	}
	return h.Key()
}
