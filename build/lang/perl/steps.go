package perl

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// runtimeStepName names the step that builds perl itself.
const runtimeStepName = "perl"

// The parts of the steps' IDs before the names.
const (
	languageName = "perl"
	archiveName  = "cpan"
)

// patchDir is the directory of the runtime's patches in the work directory.
const patchDir = "patches"

// Steps turns the pins of a lock into steps: perl, then the distributions in the
// lock's order. What the spec says of single builds is added. It reads the
// patches that the spec names, and nothing else. Errors are *pkgspec.Error where
// the spec is wrong, *ArchivesError, *StalePatchError or *UnsupportedPerlError.
func (*Perl) Steps(req lang.StepsRequest) ([]plan.Step, error) {
	spec, lock := req.Spec, req.Lock
	if err := checkArchives(lock.Language(language)); err != nil {
		return nil, err
	}
	runtime, err := runtimeStep(spec, lock)
	if err != nil {
		return nil, err
	}
	helps, err := buildHelps(spec, lock)
	if err != nil {
		return nil, err
	}
	mirrors := Mirrors(spec, lang.Addresses(req.Registries))
	ids := map[string]string{runtimeStepName: runtime.ID}
	pins := lock.Language(language).Distributions
	for _, pin := range pins {
		ids[pin.Name] = distributionID(pin)
	}
	steps := []plan.Step{runtime}
	for i := range pins {
		pin := &pins[i]
		step, err := distributionStep(pin, DistributionSource(*pin, mirrors))
		if err != nil {
			return nil, err
		}
		step.Deps = []string{runtime.ID}
		for _, name := range pin.Requires {
			id, ok := ids[name]
			if !ok {
				return nil, &plan.MissingStepError{Step: pin.Name, Dep: name}
			}
			step.Deps = append(step.Deps, id)
		}
		helps[pin.Name].addTo(&step)
		steps = append(steps, step)
	}
	return steps, nil
}

func distributionID(pin pkgspec.Pin) string {
	return plan.StepID(archiveName, pin.Name, pin.Version)
}

// ArchivesError says that something isn't pinned by one archive.
type ArchivesError struct {
	Name     string
	Archives int
}

func (e *ArchivesError) Error() string {
	return fmt.Sprintf("%s pins %d archives of %s; expected one", pkgspec.LockName, e.Archives, e.Name)
}

// Hint says what to do.
func (e *ArchivesError) Hint() string { return "run: envbuild lock" }

// checkArchives refuses a lock that was written by hand, or for targets: the format
// has any number of archives.
func checkArchives(ll pkgspec.LanguageLock) error {
	if n := len(ll.Runtime.Sources); n != 1 {
		return &ArchivesError{runtimeStepName, n}
	}
	for i := range ll.Distributions {
		if n := len(ll.Distributions[i].Sources); n != 1 {
			return &ArchivesError{ll.Distributions[i].Name, n}
		}
	}
	return nil
}

// StalePatchError says that a patch isn't the one that the lock was made with.
type StalePatchError struct{ Path string }

func (e *StalePatchError) Error() string {
	return e.Path + " changed since envbuild.lock was made"
}

// Hint says what to do.
func (e *StalePatchError) Hint() string { return "run: envbuild lock" }

// UnsupportedPerlError says that the recipe can't build that perl.
type UnsupportedPerlError struct{ Version string }

// oldestPerl is the release below which perls are known to need the patches of
// Devel::PatchPerl, which the recipe doesn't have.
const oldestPerl = "5.16.0"

func (e *UnsupportedPerlError) Error() string {
	return fmt.Sprintf("perl %s can't be built: %s is the oldest that envbuild supports", e.Version, oldestPerl)
}

// Hint says what to do.
func (e *UnsupportedPerlError) Hint() string {
	return "choose a later perl under runtime in envbuild.yaml, then run: envbuild lock"
}

func runtimeStep(spec *pkgspec.Spec, lock *pkgspec.Lock) (plan.Step, error) {
	version := lock.Language(language).Runtime.Version
	if looseVersion(version).compare(looseVersion(oldestPerl)) < 0 {
		return plan.Step{}, &UnsupportedPerlError{Version: version}
	}
	options := runtimeOf(spec).Options
	if err := checkConfigure(spec); err != nil {
		return plan.Step{}, err
	}
	patches, err := readPatches(spec, lock)
	if err != nil {
		return plan.Step{}, err
	}
	source := RuntimeSource(lock)
	threads := "no"
	if options.Threads {
		threads = "yes"
	}
	script := renderRecipe(runtimeRecipe, []parameter{
		{"archive", source.File},
		{"version", version},
		{"prefix", runtimePrefix},
		{"patches", patchDir},
		{"threads", threads},
	}, options.Configure)
	return plan.Step{
		ID:       plan.StepID(languageName, runtimeStepName, version),
		Name:     runtimeStepName,
		Version:  version,
		Language: languageName,
		Kind:     plan.Runtime,
		Prefix:   runtimePrefix,
		Recipe:   plan.Recipe{Name: "runtime.sh", Script: script, Version: runtimeRecipeVersion},
		Files:    patches,
		Sources:  []plan.Source{source},
		Env:      []plan.Var{hashSeed()},
	}, nil
}

// checkConfigure refuses the arguments for Configure that would take away what
// relocation and the recipe rely on.
func checkConfigure(spec *pkgspec.Spec) error {
	runtime := runtimeOf(spec)
	fixed := []string{"prefix", "installprefix", "installstyle", "privlib", "archlib", "userelocatableinc", "useshrplib"}
	argument := regexp.MustCompile(`^-[DUA](?:\w+:)?(\w+)`)
	for i, arg := range runtime.Options.Configure {
		m := argument.FindStringSubmatch(arg)
		if m == nil || slices.Contains(fixed, m[1]) {
			return spec.ErrorAt(fmt.Sprintf("perl's Configure can't be given %q here", arg),
				"arguments begin with -D, -U or -A; where perl is installed, and that it can be moved, is not theirs to change",
				runtime.Path("options", "configure", strconv.Itoa(i))...)
		}
	}
	return nil
}

// readPatches reads the patches of the spec, in its order: the recipe applies
// them in the order of their names.
func readPatches(spec *pkgspec.Spec, lock *pkgspec.Lock) ([]plan.File, error) {
	runtime := runtimeOf(spec)
	var files []plan.File
	for i, name := range runtime.Options.Patches {
		data, err := os.ReadFile(filepath.Join(spec.Dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, spec.ErrorAt(err.Error(), "", runtime.Path("options", "patches", strconv.Itoa(i))...)
		}
		if !isPinned(lock, name, data) {
			return nil, &StalePatchError{Path: name}
		}
		files = append(files, plan.File{
			Name:    fmt.Sprintf("%s/%03d-%s", patchDir, i+1, path.Base(name)),
			Mode:    0o644,
			Content: string(data),
		})
	}
	return files, nil
}

func isPinned(lock *pkgspec.Lock, name string, data []byte) bool {
	sum := digest.Sum(data)
	return slices.Contains(lock.Inputs, pkgspec.LockInput{Name: name, SHA256: sum})
}

func distributionStep(pin *pkgspec.Pin, source plan.Source) (plan.Step, error) {
	install, err := installRecord(pin)
	if err != nil {
		return plan.Step{}, err
	}
	shared := sharedFiles()[pin.Name]
	env := distributionEnv()
	if shared == nil {
		// Other SAX parsers must leave the file alone that sharedFiles is about.
		env = append(env, plan.Var{Name: "SKIP_SAX_INSTALL", Value: "1"})
	}
	script := renderRecipe(distributionRecipe, []parameter{
		{"name", pin.Name},
		{"distvname", distvname(pin)},
		{"archive", source.File},
		{"runtime", runtimePrefix},
		{"bundle", bundlePrefix},
	}, nil)
	return plan.Step{
		ID:       distributionID(*pin),
		Name:     pin.Name,
		Version:  pin.Version,
		Language: languageName,
		Kind:     plan.Distribution,
		Prefix:   bundlePrefix,
		Recipe:   plan.Recipe{Name: "distribution.sh", Script: script, Version: distributionRecipeVersion},
		Files: []plan.File{
			{Name: "install.json", Mode: 0o644, Content: install},
			{Name: "static.pl", Mode: 0o644, Content: staticInstaller},
		},
		Sources: []plan.Source{source},
		Env:     env,
		Shared:  shared,
		CBytes:  pin.CBytes,
	}, nil
}

// distvname is the distribution's name with its version, as CPAN writes it.
func distvname(pin *pkgspec.Pin) string {
	base := path.Base(pin.Source().Path)
	if name, ok := cutArchiveSuffix(base); ok {
		return name
	}
	return pin.Name + "-" + pin.Version
}

// hashSeed makes the order of hashes the same in every run of perl.
func hashSeed() plan.Var { return plan.Var{Name: "PERL_HASH_SEED", Value: "0"} }

// distributionEnv is what every distribution is built with.
func distributionEnv() []plan.Var {
	const base = bundlePrefix
	return []plan.Var{
		hashSeed(),
		{Name: "PATH", Value: base + "/bin:" + runtimePrefix + "/bin:/usr/bin:/bin"},
		{Name: "PERL5LIB", Value: base + "/lib/perl5"},
		// Installed below one directory, without manual pages and lists of files.
		{Name: "PERL_MM_OPT", Value: "INSTALL_BASE=" + base + " INSTALLMAN1DIR=none INSTALLMAN3DIR=none NO_PACKLIST=1 NO_PERLLOCAL=1"},
		{Name: "PERL_MB_OPT", Value: "--install_base " + base + " --create_packlist 0" +
			" --config installman1dir= --config installman3dir= --config installsiteman1dir= --config installsiteman3dir="},
		// Nobody is asked, and every question's default is taken.
		{Name: "PERL_MM_USE_DEFAULT", Value: "1"},
		{Name: "NONINTERACTIVE_TESTING", Value: "1"},
		// Module::Install starts no installer of its own when one is at work.
		{Name: "PERL5_CPAN_IS_RUNNING", Value: "1"},
		{Name: "PERL5_CPANPLUS_IS_RUNNING", Value: "1"},
		{Name: "PERL5_CPANM_IS_RUNNING", Value: "1"},
		// An Alien downloads nothing: it finds the system's library or fails.
		{Name: "ALIEN_INSTALL_TYPE", Value: "system"},
	}
}

// sharedFiles lists, by distribution, the files of others that it changes when it
// is installed. SAX parsers register themselves in one of XML-SAX; a view makes
// one file of all their versions.
func sharedFiles() map[string][]plan.SharedFile {
	parsers := []plan.SharedFile{{Path: "lib/perl5/XML/SAX/ParserDetails.ini", Rule: plan.MergeSections}}
	return map[string][]plan.SharedFile{
		"XML-LibXML":      parsers,
		"XML-SAX":         parsers,
		"XML-SAX-Expat":   parsers,
		"XML-SAX-ExpatXS": parsers,
	}
}
