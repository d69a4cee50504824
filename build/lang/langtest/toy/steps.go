package toy

import (
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// indexName is the step that runs a script.
const indexName = "index"

// indexRecipe lists the modules by the places at which it sees them.
const indexRecipe = `set -eu
cd "$prefix"
find . -name name | LC_ALL=C sort | while read -r file; do
	printf '%s %s %s/%s\n' "$(cat "$file")" "$file" "$prefix" "${file#./}"
done >"$WORK/index"
mkdir "$prefix/share"
cp "$WORK/index" "$prefix/share/index"
`

// Steps implements lang.Language.
func (t *Toy) Steps(req lang.StepsRequest) ([]plan.Step, error) {
	mirrors, err := t.mirrors(req.Spec, req.Registries)
	if err != nil {
		return nil, err
	}
	pins := req.Lock.Language(t.name)
	runtime := t.unpack(t.name, pins.Runtime.Version, pins.Runtime.Source(), mirrors)
	runtime.Kind, runtime.Prefix = plan.Runtime, t.runtimePrefix()
	steps := []plan.Step{runtime}
	index := plan.Step{
		ID: plan.StepID(t.ecosystem(), indexName, Release), Name: indexName, Version: Release, Language: t.name,
		Kind: plan.Distribution, Prefix: t.modulesPrefix(),
		Recipe: plan.Recipe{Name: "index.sh", Script: "prefix='" + t.modulesPrefix() + "'\nWORK=$PWD\n" + indexRecipe, Version: 1},
		Deps:   []string{runtime.ID},
	}
	for _, pin := range pins.Distributions {
		s := t.unpack(pin.Name, pin.Version, pin.Source(), mirrors)
		s.Kind, s.Prefix, s.Places = plan.Distribution, t.modulesPrefix(), pin.Places
		steps = append(steps, s)
		index.Deps = append(index.Deps, s.ID)
	}
	return append(steps, index), nil
}

// unpack is a step of an archive with one directory at its top.
func (t *Toy) unpack(name, version string, src pkgspec.SourcePin, mirrors []string) plan.Step {
	return plan.Step{
		ID: plan.StepID(t.ecosystem(), name, version), Name: name, Version: version, Language: t.name,
		Engine: plan.Unpack, Unpack: plan.Unpacking{Format: "tar", Strip: 1},
		Sources: []plan.Source{{
			Name: name + "-" + version, File: src.Path, SHA256: src.SHA256, Size: src.Size, Path: src.Path, Mirrors: mirrors,
		}},
	}
}

// Environment implements lang.EnvironmentProvider.
func (t *Toy) Environment(*pkgspec.Spec, *pkgspec.Lock) []lang.Var {
	return []lang.Var{
		{Name: "PATH", Kind: lang.Prepend, Values: []string{t.runtimePrefix() + "/bin"}},
		{Name: "TOY_PATH", Kind: lang.Path, Values: []string{t.modulesPrefix() + "/modules"}},
	}
}

// Layout implements lang.LayoutProvider.
func (t *Toy) Layout(*pkgspec.Spec, *pkgspec.Lock) lang.Layout {
	return lang.Layout{
		Directories: []lang.Directory{
			{Prefix: t.runtimePrefix(), Path: t.name, Runtime: true},
			{Prefix: t.modulesPrefix(), Path: t.ecosystem()},
		},
		Symlinks: []lang.Symlink{{Path: t.name + "/bin/" + t.name + "-modules", Target: t.name}},
		Files: []lang.File{{
			Path: t.ecosystem() + "/share/" + t.name + ".conf", Mode: 0o644,
			Content: "runtime=" + t.runtimePrefix() + "\nmodules=" + t.modulesPrefix() + "/modules\n",
		}},
	}
}
