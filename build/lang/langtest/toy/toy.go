// Package toy is a language for tests: it has what languages differ by and nothing
// that takes time. Its ecosystem's lock file names archives, versions that may stand
// beside each other, and the places at which each stands; all archives are only
// unpacked, and one step runs a script. It shows what a new language has to be: this
// directory, and a row in a table.
package toy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// Release is the only release of the runtime. Its archive, toy-1.2.0.tar, holds
// toy-1.2.0/bin/toy.
const Release = "1.2.0"

// Toy is a language.
type Toy struct{ name string }

// New returns a language of this name: several of different names can be in one
// spec. Its ecosystem has the name with an s.
func New(name string) *Toy { return &Toy{name: name} }

// Name implements lang.Language.
func (t *Toy) Name() string { return t.name }

func (t *Toy) ecosystem() string { return t.name + "s" }

// The prefixes of the runtime and of the modules.
func (t *Toy) runtimePrefix() string { return plan.NewPrefix(t.name) }
func (t *Toy) modulesPrefix() string { return plan.NewPrefix(t.name + " modules") }

// Format implements lang.Formatter.
func (t *Toy) Format() pkgspec.Language {
	return pkgspec.Language{
		Name: t.name, Ecosystems: []string{t.ecosystem()}, Example: "^1",
		Check: func(s *pkgspec.Spec) error {
			_, err := t.section(s)
			return err
		},
	}
}

// section is what the spec says below dependencies.
type section struct {
	lock     string // the ecosystem's lock file
	registry string // the address of the archives
}

func (t *Toy) section(spec *pkgspec.Spec) (section, error) {
	s := spec.Section("dependencies", t.ecosystem())
	out := section{lock: s.File("lock", t.ecosystem()+".lock"), registry: s.Text("registry", "")}
	s.Done()
	if out.registry == "" {
		s.Fail("registry", "names no registry", "write its address: registry: https://toys.example.org/")
	}
	return out, s.Err()
}

// Registries implements lang.RegistryConfigurer: TOY_REGISTRY for a language named
// toy, and TOY_TOKEN for what it asks for.
func (t *Toy) Registries(c lang.Configuration) ([]lang.Registry, error) {
	address := c.Getenv(strings.ToUpper(t.name) + "_REGISTRY")
	switch {
	case address == "":
		return nil, nil
	case strings.Contains(address, "@"):
		return nil, errors.New(strings.ToUpper(t.name) + "_REGISTRY holds a name or a password")
	}
	r := lang.Registry{Address: address}
	if token := c.Getenv(strings.ToUpper(t.name) + "_TOKEN"); token != "" {
		r.Authorization = "Bearer " + token
	}
	return []lang.Registry{r}, nil
}

func (t *Toy) mirrors(spec *pkgspec.Spec, registries []lang.Registry) ([]string, error) {
	if own := lang.Addresses(registries); len(own) > 0 {
		return own, nil
	}
	s, err := t.section(spec)
	return []string{s.registry}, err
}

// Inputs implements lang.Language.
func (t *Toy) Inputs(spec *pkgspec.Spec, readFile lang.ReadFile) ([]pkgspec.LockInput, error) {
	inputs := []pkgspec.LockInput{spec.RuntimeInput(t.name), spec.EcosystemInput(t.ecosystem())}
	s, err := t.section(spec)
	if err != nil {
		return nil, err
	}
	data, err := readFile(s.lock)
	if errors.Is(err, fs.ErrNotExist) {
		return inputs, nil
	}
	return append(inputs, pkgspec.LockInput{Name: s.lock, SHA256: digest.Sum(data)}), err
}

// Lock implements lang.Language.
func (t *Toy) Lock(ctx context.Context, req lang.LockRequest) (*lang.LockResult, error) {
	s, err := t.section(req.Spec)
	if err != nil {
		return nil, err
	}
	mirrors, err := t.mirrors(req.Spec, req.Registries)
	if err != nil {
		return nil, err
	}
	if err := t.checkRelease(req.Spec); err != nil {
		return nil, err
	}
	data, err := req.ReadFile(s.lock)
	if err != nil {
		return nil, err
	}
	modules, err := parseLock(s.lock, data)
	if err != nil {
		return nil, err
	}
	out := &lang.LockResult{Pins: pkgspec.LanguageLock{Language: t.name}, Date: time.Unix(1700000000, 0).UTC()}
	out.Unknown = slices.DeleteFunc(slices.Clone(req.Update), func(name string) bool {
		return slices.ContainsFunc(modules, func(m module) bool { return m.name == name })
	})
	out.Pins.Runtime.Version = Release
	if out.Pins.Runtime.Sources, err = pinArchive(ctx, req.Sources, mirrors, t.runtimeArchive()); err != nil {
		return nil, err
	}
	for _, m := range modules {
		pin := pkgspec.Pin{ID: m.name + "@" + m.version, Name: m.name, Version: m.version, Places: m.places}
		if pin.Sources, err = pinArchive(ctx, req.Sources, mirrors, m.name+"-"+m.version+".tar"); err != nil {
			return nil, err
		}
		out.Pins.Distributions = append(out.Pins.Distributions, pin)
	}
	return out, nil
}

func (t *Toy) checkRelease(spec *pkgspec.Spec) error {
	r := spec.Runtime(t.name)
	c, err := semver.NewConstraint(r.Constraint)
	if err != nil {
		return err
	}
	if !c.Check(semver.MustParse(Release)) {
		return spec.ErrorAt(fmt.Sprintf("no release of %s meets %s", t.name, r.Constraint), "the only one is "+Release, r.Path()...)
	}
	return nil
}

func (t *Toy) runtimeArchive() string { return t.name + "-" + Release + ".tar" }

func pinArchive(ctx context.Context, sources lang.Sources, mirrors []string, file string) ([]pkgspec.SourcePin, error) {
	a, err := sources.Find(ctx, mirrors, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return []pkgspec.SourcePin{{Path: file, SHA256: a.SHA256, Size: a.Size}}, nil
}

// module is a line of the ecosystem's lock file.
type module struct {
	name, version string
	places        []string
}

// parseLock reads lines of a name, a version and places.
func parseLock(file string, data []byte) ([]module, error) {
	var out []module
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) < 3 {
			return nil, fmt.Errorf("%s:%d: expected a name, a version and places", file, number)
		}
		m := module{name: words[0], version: words[1], places: words[2:]}
		slices.Sort(m.places)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b module) int {
		return strings.Compare(a.name+"@"+a.version, b.name+"@"+b.version)
	})
	return out, nil
}
