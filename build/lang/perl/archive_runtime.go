package perl

import (
	"fmt"
	"strings"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/pkgspec"
)

// runtimeFacts is what locking wants to know of perl's own archive.
type runtimeFacts struct {
	// Core holds the versions of the core's modules as they are written.
	Core map[string]string `json:"core"`
	// Newest is the newest time of the members up to Module::CoreList. Reading on
	// would take xz seconds and make the date no better.
	Newest time.Time `json:"newest"`
}

func readRuntimeFacts(src lang.Sources, pin pkgspec.RuntimePin, a lang.Archive) (*runtimeFacts, error) {
	key := fmt.Sprintf("perl-runtime-%d-%s.json", factsVersion, a.SHA256)
	return loadOrDerive(src, key, func() (*runtimeFacts, error) { return deriveRuntimeFacts(pin, a.File) })
}

func deriveRuntimeFacts(pin pkgspec.RuntimePin, file string) (*runtimeFacts, error) {
	var source []byte
	facts := &runtimeFacts{Newest: earliestDate(), Core: map[string]string{}}
	err := walkArchive(pin.Source().Path, file, func(m *member) error {
		facts.Newest = maxTime(facts.Newest, m.mtime)
		// dist/Module-CoreList/lib/ since 5.12, lib/ before.
		if !strings.HasSuffix(m.name, "lib/Module/CoreList.pm") {
			return nil
		}
		var err error
		if source, err = m.read(); err != nil {
			return err
		}
		return errStop
	})
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, &ArchiveError{Archive: pin.Source().Path, Err: fmt.Errorf("no lib/Module/CoreList.pm inside")}
	}
	core, err := parseCoreList(source, pin.Version)
	if err != nil {
		return nil, &ArchiveError{Archive: pin.Source().Path, Err: err}
	}
	for name, v := range core {
		facts.Core[name] = v.String()
	}
	return facts, nil
}

// modules returns the core's modules.
func (f *runtimeFacts) modules() coreModules {
	core := make(coreModules, len(f.Core))
	for name, v := range f.Core {
		core[name] = looseVersion(v)
	}
	return core
}
