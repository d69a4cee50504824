// Package plan describes what is to be built: steps, the graph of their
// dependencies, and the keys that say when two steps are the same work. It is
// pure: nothing here reads a clock, a disk or a network.
package plan

import (
	"io/fs"
	"strings"

	"github.com/envbuild/envbuild/internal/digest"
)

// Kind says what a step adds.
type Kind string

// The kinds of steps.
const (
	// Runtime is a language's interpreter.
	Runtime Kind = "runtime"
	// Distribution is one dependency.
	Distribution Kind = "distribution"
)

// Engine says how a step makes its output.
type Engine string

// The engines.
const (
	// Sandbox runs the step's recipe; it is the engine of steps that name none.
	Sandbox Engine = ""
	// Unpack extracts the step's one archive in this process. Nothing of the root,
	// the machine or the sandbox's tier has a part in the output.
	Unpack Engine = "unpack"
)

// Step is one build action. Every field is part of its key or exempted by name
// (key.go).
type Step struct {
	// ID is unique in a graph: "npm:lodash@4.17.21" (see StepID).
	ID string
	// Name is what people call it: "node", "lodash". Several IDs may share one.
	Name string
	// Version is the version of what the step builds.
	Version string
	// Language names the language whose step it is: "node".
	Language string
	// Kind says what the step adds.
	Kind Kind
	// Engine makes the output.
	Engine Engine
	// Unpack are the options of the engine of that name.
	Unpack Unpacking
	// Prefix is the placeholder at which the step installs, and below which other
	// steps see its output.
	Prefix string
	// Places are the clean slash-separated paths below Prefix at which the output
	// stands in views and for dependents: an output has no place of its own. No
	// place is the prefix itself.
	Places []string
	// Recipe is run by /bin/sh in WorkPath.
	Recipe Recipe
	// Files are small inputs, rendered by the language, placed in WorkPath
	// before the recipe runs.
	Files []File
	// Sources are the archives, placed in WorkPath under their file names.
	Sources []Source
	// Deps are the IDs of the steps that this one needs directly. It sees their
	// closure.
	Deps []string
	// Env holds the variables of the step beyond those of the sandbox. A later
	// entry wins.
	Env []Var
	// SysPackages are the Debian packages, beyond the base list, whose headers
	// and libraries the step may use ("libxml2-dev").
	SysPackages []string
	// Shared names files of other steps that this one may change, and how their
	// versions become one in a view.
	Shared []SharedFile
	// BinaryPrefixes names, by path.Match patterns relative to the output, the binary
	// files in which a prefix stands as a C string and may be overwritten.
	BinaryPrefixes []string
	// Strip, unless it is empty, takes out of the compiled files that the step has
	// added what only debuggers read.
	Strip Recipe
	// CBytes is the number of bytes of C and C++ source in the archives: the
	// step's weight in the schedule until a duration was recorded.
	CBytes int64
}

// StepID returns the ID of a version of something in a language or its archive
// network: "npm:lodash@4.17.21".
func StepID(ecosystem, name, version string) string { return ecosystem + ":" + name + "@" + version }

// Series returns what the IDs of all versions of one thing have in common, and
// anything else as it is: "npm:lodash".
func Series(id string) string {
	if i := strings.LastIndexByte(id, '@'); i > 0 {
		return id[:i]
	}
	return id
}

// AllPlaces returns the paths below the step's prefix at which its output stands,
// "" for the prefix itself.
func (s *Step) AllPlaces() []string {
	if len(s.Places) == 0 {
		return []string{""}
	}
	return s.Places
}

// Unpacking says how an archive becomes an output.
type Unpacking struct {
	// Format is one of the formats of build/unpack: "tar.gz".
	Format string
	// Strip is the number of directories taken off the top of each path; what has
	// no more of them is left out.
	Strip int
	// Executables are files that are made executable, whatever the archive says, by
	// their slash-separated paths in the output.
	Executables []string
}

// Recipe is a rendered shell script and the version of what it means.
type Recipe struct {
	// Name is the recipe's file name, for people: "distribution.sh".
	Name string
	// Script is the text that is run.
	Script string
	// Version salts the key where the same text came to mean something else.
	Version int
}

// File is a small input of a step.
type File struct {
	// Name is a clean slash-separated path relative to WorkPath.
	Name    string
	Mode    fs.FileMode
	Content string
}

// Var is one environment variable of a step.
type Var struct{ Name, Value string }

// SharedFile is a file that several steps write.
type SharedFile struct {
	// Path is relative to the step's prefix.
	Path string
	// Rule says how a view makes one file of the steps' versions.
	Rule MergeRule
}

// MergeRule names a way to make one file of several versions.
type MergeRule string

// MergeSections is the union of the versions' INI sections, in the order of the
// steps, each section once (XML-SAX's ParserDetails.ini).
const MergeSections MergeRule = "sections"

// Source is one archive, named by its digest. Where it comes from has no
// part in the key (design.md §1).
type Source struct {
	// Name is what people call it in errors: "Plack-1.0050".
	Name string
	// File is the archive's file name in WorkPath: "Plack-1.0050.tar.gz".
	File string
	// SHA256 names the bytes.
	SHA256 digest.SHA256
	// Size is the number of bytes, or 0 where it is not known.
	Size int64
	// Path is the archive's path below a mirror of the language's archive
	// network: "authors/id/M/MI/MIYAGAWA/Plack-1.0050.tar.gz". It may be empty.
	Path string
	// Mirrors are the base addresses (http, https, file) to which Path belongs,
	// in the order of the spec.
	Mirrors []string
	// URLs are whole addresses of the upstream default.
	URLs []string
	// DebianPaths are paths below the machine's own apt mirror at which Debian
	// may hold the same bytes:
	// "pool/main/n/node-lodash/node-lodash_4.17.21.orig.tar.gz".
	DebianPaths []string
}
