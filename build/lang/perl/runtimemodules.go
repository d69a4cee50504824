package perl

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
)

// runtimeModules are the modules that the runtime's tree brings.
type runtimeModules struct {
	tree    fs.FS
	version string
	// dirs hold them, relative to the tree.
	dirs []string
}

// newRuntimeModules finds the directories: the one of the release, and in it the one
// of the architecture, which is where perl's configuration is.
func newRuntimeModules(tree fs.FS, version string) (runtimeModules, error) {
	m := runtimeModules{tree: tree, version: version, dirs: []string{"lib/perl5/" + version}}
	heavy, err := fs.Glob(tree, m.dirs[0]+"/*/Config_heavy.pl")
	for _, name := range heavy {
		m.dirs = append(m.dirs, path.Dir(name))
	}
	return m, err
}

// meets reports whether the runtime meets a requirement, and if it doesn't, what
// it has. Reading Module::CoreList, which knows for certain, takes longer than all
// else, and nearly always the module's own file says enough.
func (m *runtimeModules) meets(r requirement) (ok bool, there string, err error) {
	file := strings.ReplaceAll(r.module, "::", "/") + ".pm"
	for _, dir := range m.dirs {
		source, err := fs.ReadFile(m.tree, dir+"/"+file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, "", err
		}
		if r.rng.any() || sourceMeets(source, r) {
			return true, "", nil
		}
	}
	return m.coreMeets(r)
}

func sourceMeets(source []byte, r requirement) bool {
	return slices.ContainsFunc(scanPackages(source), func(p pkgspec.Module) bool {
		return p.Name == r.module && r.rng.allows(looseVersion(p.Version))
	})
}

func (m *runtimeModules) coreMeets(r requirement) (ok bool, there string, err error) {
	data, err := fs.ReadFile(m.tree, "lib/perl5/"+m.version+"/Module/CoreList.pm")
	if errors.Is(err, fs.ErrNotExist) {
		return false, "", nil
	}
	if err != nil {
		return false, "", err
	}
	core, err := parseCoreList(data, m.version)
	if err != nil {
		return false, "", err
	}
	if v, ok := core[r.module]; ok && !core.allows(r) {
		there = fmt.Sprintf("%s %s", r.module, v)
	}
	return core.allows(r), there, nil
}
