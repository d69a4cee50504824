package perl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/pkgspec"
)

// ExplainFailure says what the log of a failed step means and what to do about
// it, where one of the usual reasons is recognised; else what a distribution's
// build can be given.
func (*Perl) ExplainFailure(lock *pkgspec.Lock, step *plan.Step, log []byte) string {
	// What a distribution printed may be anything; a reason is near the end.
	const enough = 256 << 10
	e := explainer{lock: lock, step: step, log: string(log[max(0, len(log)-enough):])}
	for _, explain := range []func() string{
		e.explainFullDisk, e.explainMissingModule, e.explainMissingLibrary, e.explainNetwork,
		e.explainHomeDir, e.explainReadOnly, e.explainOther,
	} {
		if hint := explain(); hint != "" {
			return hint
		}
	}
	return ""
}

type explainer struct {
	lock *pkgspec.Lock
	step *plan.Step
	log  string
}

func (e *explainer) explainFullDisk() string {
	if !strings.Contains(e.log, "No space left on device") {
		return ""
	}
	return "a file system is full: make room where the cache is (envbuild cache path; envbuild cache gc), or set ENVBUILD_CACHE to another place"
}

// explainMissingModule explains perl's "Can't locate Foo/Bar.pm in @INC". The last one
// counts: earlier ones are of things that were only tried.
func (e *explainer) explainMissingModule() string {
	found := regexp.MustCompile(`Can't locate ([\w/]+)\.pm in @INC`).FindAllStringSubmatch(e.log, -1)
	if len(found) == 0 || e.step.Kind != plan.Distribution {
		return ""
	}
	module := strings.ReplaceAll(found[len(found)-1][1], "/", "::")
	for _, pin := range e.lock.Language(language).Distributions {
		provides := slices.ContainsFunc(pin.Provides, func(m pkgspec.Module) bool { return m.Name == module })
		switch {
		case !provides:
		case pin.Name == e.step.Name:
			return "" // it looks for itself: no missing dependency
		default:
			return fmt.Sprintf("it needs %s of %s, which its metadata doesn't declare: %s",
				module, pin.Name, needsHint(e.step.Name, []string{module}))
		}
	}
	return requiresHint(e.step.Name, []string{module})
}

func (e *explainer) explainMissingLibrary() string {
	table := parseDebianTable(debianTable)
	for _, find := range []func(string) (string, string){
		table.byHeader, table.byLibrary, table.byPkgConfig, table.byProgram, table.byMessage,
	} {
		if thing, pkg := find(e.log); pkg != "" {
			return e.hintPackage(thing, pkg)
		}
	}
	return ""
}

func (e *explainer) hintPackage(thing, pkg string) string {
	install := fmt.Sprintf("%s is in the Debian package %s: apt-get install %s", thing, pkg, pkg)
	if e.step.Kind != plan.Distribution || slices.Contains(e.step.SysPackages, pkg) {
		return install
	}
	return fmt.Sprintf("%s, and under dependencies.cpan.build in %s add\n    %s: {apt: [%s]}",
		install, pkgspec.SpecName, e.step.Name, strings.Join(append(slices.Clone(e.step.SysPackages), pkg), ", "))
}

func (e *explainer) explainNetwork() string {
	signs := regexp.MustCompile(`(?i)temporary failure in name resolution|could not resolve host|` +
		`unable to resolve host|name or service not known|network is unreachable|nodename nor servname|connection refused`)
	if !signs.MatchString(e.log) {
		return ""
	}
	return e.hintSetting("it tries to use the network, which a build can't reach: install what it looks for (envbuild doctor knows the usual packages), or set a variable that tells it to do without")
}

func (e *explainer) explainHomeDir() string {
	signs := regexp.MustCompile(`(?m)^.*/homeless.*(?:Permission denied|No such file or directory|Read-only file system).*$`)
	if !signs.MatchString(e.log) {
		return ""
	}
	return e.hintSetting("it tries to use the home directory, which a build doesn't have: set a variable that tells it to do without")
}

func (e *explainer) explainReadOnly() string {
	found := regexp.MustCompile(`(?m)(/[^\s:'"]+).*Read-only file system`).FindAllStringSubmatch(e.log, -1)
	if len(found) == 0 {
		return ""
	}
	return e.hintSetting(fmt.Sprintf("it tries to write to %s, but a build can write only where it is unpacked and installed: set a variable that tells it to do without",
		found[len(found)-1][1]))
}

// explainOther says what may help where the reason isn't known.
func (e *explainer) explainOther() string {
	if e.step.Kind != plan.Distribution {
		return ""
	}
	return fmt.Sprintf("if its build needs something more, add it under dependencies.cpan.build in %s:\n    %s: {env: {NAME: value}, apt: [package], needs: [Module]}",
		pkgspec.SpecName, e.step.Name)
}

// hintSetting adds where to set a variable.
func (e *explainer) hintSetting(what string) string {
	if e.step.Kind != plan.Distribution {
		return what
	}
	return fmt.Sprintf("%s, under dependencies.cpan.build in %s:\n    %s: {env: {NAME: value}}",
		what, pkgspec.SpecName, e.step.Name)
}
