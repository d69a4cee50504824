package perl

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// factsVersion is part of a cache key: it changes when facts come to mean
// something else.
const factsVersion = 2

// archiveFacts is what locking wants to know of a distribution's archive.
type archiveFacts struct {
	Meta meta `json:"meta"`
	// CBytes is the size of the C, C++ and XS files.
	CBytes int64 `json:"c_bytes"`
	// Newest is the newest time of a member.
	Newest  time.Time `json:"newest"`
	BuildPL bool      `json:"build_pl"`
	// ModuleInstall says that inc/Module/Install.pm is there.
	ModuleInstall bool `json:"module_install"`
	// Packages are the modules found by looking at lib/**.pm.
	Packages []pkgspec.Module `json:"packages"`
}

// readFacts derives the facts of an archive in one pass over it, or takes them
// from the cache.
func readFacts(src lang.Sources, name string, a lang.Archive) (*archiveFacts, error) {
	key := fmt.Sprintf("perl-distribution-%d-%s.json", factsVersion, a.SHA256)
	return loadOrDerive(src, key, func() (*archiveFacts, error) { return deriveFacts(name, a.File) })
}

// loadOrDerive returns the value under key, or derives and keeps it. A value that
// can't be kept is not an error: the next run derives it again.
func loadOrDerive[T any](src lang.Sources, key string, derive func() (*T, error)) (*T, error) {
	cache, ok := src.(lang.FactCache)
	if !ok {
		return derive()
	}
	if data, ok := cache.LoadFacts(key); ok {
		var v T
		if json.Unmarshal(data, &v) == nil {
			return &v, nil
		}
	}
	v, err := derive()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	_ = cache.SaveFacts(key, data)
	return v, nil
}

func deriveFacts(name, file string) (*archiveFacts, error) {
	b := factsBuilder{facts: &archiveFacts{Newest: earliestDate()}}
	if err := walkArchive(name, file, b.visit); err != nil {
		return nil, err
	}
	b.finish()
	return b.facts, nil
}

// Times outside these are an archiver's or a clock's mistake: perl is of 1987, and
// 32 bits of seconds end in 2038.
func earliestDate() time.Time { return time.Date(1987, 12, 18, 0, 0, 0, 0, time.UTC) }
func latestDate() time.Time   { return time.Date(2038, 1, 19, 0, 0, 0, 0, time.UTC) }

// maxTime returns the later of t and mtime, in whole seconds of UTC, if mtime is
// sane.
func maxTime(t, mtime time.Time) time.Time {
	mtime = mtime.UTC().Truncate(time.Second)
	if mtime.After(t) && mtime.Before(latestDate()) {
		return mtime
	}
	return t
}

type factsBuilder struct {
	facts              *archiveFacts
	metaJSON, metaYAML []byte
}

func (b *factsBuilder) visit(m *member) error {
	f := b.facts
	f.Newest = maxTime(f.Newest, m.mtime)
	// Nearly all archives hold one directory; a few old ones none.
	_, inside, hasTop := strings.Cut(m.name, "/")
	if !hasTop {
		inside = m.name
	}
	var err error
	switch {
	case inside == "META.json":
		b.metaJSON, err = m.read()
	case inside == "META.yml":
		b.metaYAML, err = m.read()
	case inside == "Build.PL":
		f.BuildPL = true
	case inside == "inc/Module/Install.pm":
		f.ModuleInstall = true
	case slices.Contains([]string{".c", ".cc", ".cpp", ".cxx", ".h", ".xs"}, path.Ext(m.name)):
		f.CBytes += m.size
	case path.Ext(inside) == ".pm" && (strings.HasPrefix(inside, "lib/") || !strings.Contains(inside, "/")):
		var source []byte
		if source, err = m.read(); err == nil {
			f.Packages = append(f.Packages, scanPackages(source)...)
		}
	}
	return err
}

// finish reads the metadata, META.json if it is there and sound.
func (b *factsBuilder) finish() {
	f := b.facts
	f.Meta = meta{DynamicConfig: true}
	if m, err := parseMetaJSON(b.metaJSON); b.metaJSON != nil && err == nil {
		f.Meta = m
	} else if m, err := parseMetaYAML(b.metaYAML); b.metaYAML != nil && err == nil {
		f.Meta = m
	}
	sortModules(f.Packages)
	f.Packages = slices.CompactFunc(f.Packages, func(a, b pkgspec.Module) bool { return a.Name == b.Name })
}

// sortModules sorts by name, and the versions of one from the newest on.
func sortModules(ms []pkgspec.Module) {
	slices.SortFunc(ms, func(a, b pkgspec.Module) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return looseVersion(b.Version).compare(looseVersion(a.Version))
	})
}

// requirements are what META says that the distribution needs to be configured
// and built, and with runtime also to run.
func (f *archiveFacts) requirements(runtime bool) []requirement {
	phases := []metaRequires{f.Meta.Configure, f.Meta.Build}
	if runtime {
		phases = append(phases, f.Meta.Runtime)
	}
	var out []requirement
	for _, phase := range phases {
		for _, name := range phase.names() {
			// Module::Install writes the newest MakeMaker of its author's machine into
			// the requirements, and works with any.
			if isModuleName(name) && (!f.ModuleInstall || name != "ExtUtils::MakeMaker") {
				out = append(out, requirement{name, looseRange(phase[name])})
			}
		}
	}
	if f.BuildPL && len(f.Meta.Configure) == 0 && !f.Meta.Static {
		// Build.PL came with Module::Build; META could say so only from 0.38 on.
		out = append(out, requirement{"Module::Build", looseRange("0.38")})
	}
	return out
}

// provides lists the modules inside, by META or by what was found in the files.
func (f *archiveFacts) provides() []pkgspec.Module {
	if len(f.Meta.Provides) > 0 {
		return f.Meta.Provides
	}
	return f.Packages
}
