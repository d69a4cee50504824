// Package plan describes what is to be built: steps, the graph of their
// dependencies, and the keys that say when two steps are the same work. It is
// pure: nothing here reads a clock, a disk or a network.
package plan

import (
	"io/fs"

	"github.com/envbuild/envbuild/internal/digest"
)

// The prefixes at which steps build (design.md §2.6). Each is 64 bytes of high
// entropy, so that every 8-byte piece of one is unmistakable and a compiler that
// splits a path constant can't hide it.
const (
	// RuntimePrefix is where steps see the language runtime.
	RuntimePrefix = "/Q7MVFAnyFZTOVQ7XLZXY79Zn21Mw8DjHrXW8YpU6sAfy9p4sb7EFlWtAw2vgzhC"
	// BundlePrefix is where steps see the merged distributions they depend on.
	BundlePrefix = "/slRbpwOtcDPCELbOpyh2qC2ljtSKYZXVYXk5jAKfiDVGwHWK6k3SU0wmkgQSq4S"
	// WorkPath is the folder in which a step's recipe starts and writes.
	WorkPath = "/Zh4SW5emIlK7kwds0M3K5OWy4frRLosYwr6BezOb5emJ57j3fyJpRnTbXfnDHni"
)

// PrefixLen is the length in bytes of every placeholder, and so the longest
// prefix that can replace one inside a binary file.
const PrefixLen = 64

// Kind says what a step adds.
type Kind string

// The kinds of steps.
const (
	// Runtime is the language's interpreter; it installs into RuntimePrefix.
	Runtime Kind = "runtime"
	// Distribution is one dependency; it installs into BundlePrefix.
	Distribution Kind = "distribution"
)

// Step is one build action. Every field is part of its key or exempted by name
// in keyExempt (key.go).
type Step struct {
	// Name is unique in a graph: "perl", or the distribution's name, "Plack".
	Name string
	// Version is the version of what the step builds.
	Version string
	// Kind says what the step adds, and so into which prefix it installs.
	Kind Kind
	// Recipe is run by /bin/sh in WorkPath.
	Recipe Recipe
	// Files are small inputs, rendered by the language, placed in WorkPath
	// before the recipe runs.
	Files []File
	// Sources are the archives, placed in WorkPath under their file names.
	Sources []Source
	// Deps names the steps that this one needs directly. It sees their closure.
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
	// BinaryPrefixes names, by path.Match patterns relative to the prefix, the binary
	// files in which a prefix stands as a C string and may be overwritten.
	BinaryPrefixes []string
	// Strip, unless it is empty, takes out of the compiled files that the step has
	// added what only debuggers read.
	Strip Recipe
	// CBytes is the number of bytes of C and C++ source in the archives: the
	// step's weight in the schedule until a duration was recorded.
	CBytes int64
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

// Source is one archive, named by its digest. Where it comes from is no part of
// the key (design.md §1).
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
	// "pool/main/libp/libplack-perl/libplack-perl_1.0050.orig.tar.gz".
	DebianPaths []string
}
