package perl

import (
	"fmt"
	"strings"
)

// MissingFileError says that the project has no cpanfile.
type MissingFileError struct{ File string }

// Error names the file.
func (e *MissingFileError) Error() string { return e.File + " is not there" }

// Hint says what to do.
func (e *MissingFileError) Hint() string {
	return "write it, or name another under dependencies.cpan.cpanfile in envbuild.yaml"
}

// UnknownFeatureError says that the spec switches on what the cpanfile lacks.
type UnknownFeatureError struct {
	File, Name string
	Known      []string
}

// Error names the feature.
func (e *UnknownFeatureError) Error() string {
	return fmt.Sprintf("%s has no feature %q, which dependencies.cpan.features names", e.File, e.Name)
}

// Hint lists the features.
func (e *UnknownFeatureError) Hint() string {
	if len(e.Known) == 0 {
		return "the file has no features at all"
	}
	return "its features are " + strings.Join(e.Known, ", ")
}

// UnresolvedError says that nothing provides a module in a version that will do.
type UnresolvedError struct {
	Module string
	// Needs says who requires what.
	Needs []string
	// Found says what was found and where.
	Found []string
}

// Error lists who requires the module and what was found.
func (e *UnresolvedError) Error() string {
	return fmt.Sprintf("nothing provides %s: %s; %s", e.Module, strings.Join(e.Needs, ", "), strings.Join(e.Found, ", "))
}

// Hint says what to do.
func (e *UnresolvedError) Hint() string {
	return "correct the requirement, or add the mirror that has it to dependencies.cpan.mirrors in envbuild.yaml"
}

// VersionError says that the pinned perl is not one that is asked for.
type VersionError struct {
	By, Needs, Pinned string
}

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%s requires perl %s, and the runtime is perl %s", e.By, e.Needs, e.Pinned)
}

// Hint says what to do.
func (e *VersionError) Hint() string {
	return "change the constraint under runtime.perl in envbuild.yaml, or require another version of what asks for it"
}

// ConflictError says that something is in the closure that the cpanfile forbids.
type ConflictError struct {
	By, Forbidden, Found string
}

// Error names the line and the distribution.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s forbids %s, and %s has it", e.By, e.Forbidden, e.Found)
}

// Hint says what to do.
func (e *ConflictError) Hint() string {
	return "require a version that is not forbidden, or drop the line"
}

// MissingArchiveError says that no mirror has an archive.
type MissingArchiveError struct {
	Path    string
	By      string
	Mirrors []string
}

// Error names the archive, who needs it and the mirrors.
func (e *MissingArchiveError) Error() string {
	return fmt.Sprintf("%s, needed by %s, is on none of the mirrors %s", e.Path, e.By, strings.Join(e.Mirrors, ", "))
}

// Hint says what to do.
func (e *MissingArchiveError) Hint() string {
	return "authors delete old releases; " + defaultMirror +
		" keeps them: add it to dependencies.cpan.mirrors in envbuild.yaml, or envbuild lock --update the distribution"
}

// GitError says that a cpanfile wants a distribution from a git repository.
type GitError struct {
	Where, Module, Repository string
}

// Error names the line and the repository.
func (e *GitError) Error() string {
	return fmt.Sprintf("%s: %s comes from the git repository %s, which is not an archive that can be pinned",
		e.Where, e.Module, e.Repository)
}

// Hint says what to do.
func (e *GitError) Hint() string {
	return "make a distribution of it (make dist) and put it on a mirror of your own, or give its address with url => 'https://…/Name-1.0.tar.gz'"
}
