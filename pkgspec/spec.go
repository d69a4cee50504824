package pkgspec

import "strings"

// SpecName is the file name of the spec.
const SpecName = "envbuild.yaml"

// Spec is a project's envbuild.yaml (design.md §4), checked and with defaults
// filled in.
type Spec struct {
	// File is the name that Parse was given, for errors. Dir is its directory, to
	// which the paths in the spec are relative.
	File, Dir string

	// Name is a Debian package name.
	Name        string
	Version     Version
	Maintainer  string // "Name <mail>"
	Description string // the first line is the synopsis

	// Runtimes are the languages' interpreters in the order of the spec, at least
	// one.
	Runtimes []Runtime
	// Dependencies are the sections of dependencies, by ecosystem, in the order of
	// the spec.
	Dependencies []Ecosystem
	// App is nil if the spec doesn't name the application.
	App *App
	// Env holds the variables in the order of the spec, in which they may refer
	// to each other.
	Env []EnvVar
	// EnvFiles are files in the form of .env, relative to Dir. They are read for
	// exec and never packaged.
	EnvFiles []string
	// Services are in the order of the spec.
	Services       []Service
	ServicesFormat []ServiceFormat
	Package        Package
	// Publish is in the order of the spec.
	Publish []PublishTarget

	// doc knows where each value stands; nil for a Spec that wasn't parsed.
	doc *document
}

// Text is the spec as Parse read it, but for how its lines end.
func (s *Spec) Text() string {
	if s.doc == nil {
		return ""
	}
	return strings.Join(s.doc.lines, "\n")
}

// Version is the application's version: exactly one of the fields is set, or
// none where the spec leaves the version to "deb --version".
type Version struct {
	// Literal is the text as written: 1.10 stays "1.10".
	Literal string
	// Git names how git gives the version: "describe".
	Git string
}

// GitDescribe is the one value of Version.Git.
const GitDescribe = "describe"

// Runtime is one language's interpreter.
type Runtime struct {
	// Language is its key in the runtime section: "node".
	Language string
	// Constraint is a semver constraint as written: "~5.36".
	Constraint string
	// Options are those of a language that takes the usual ones; the options of
	// others are read with Spec.Section.
	Options RuntimeOptions
	As      RuntimeAs
	// BuildOnly keeps the language out of views and packages: only steps use it.
	BuildOnly bool
	// Strip takes out of all compiled files, those of the language's dependencies
	// too, what only debuggers read.
	Strip bool
	// Prefix is where a runtime that is a package of its own is installed. It is
	// empty unless the spec gives it.
	Prefix string
	// Revision is the Debian revision of that package, at least 1.
	Revision int
	// Maintainer answers for that package: who answers for the project unless the
	// spec gives it.
	Maintainer string

	// path is where the section of the language stands: "runtime", or "runtime",
	// "node" if the language has a map of its own.
	path []string
	// rawOptions are the options of a language that reads them itself.
	rawOptions *Node
}

// RuntimeOptions say how a runtime is built from source.
type RuntimeOptions struct {
	// Configure are arguments added to configure's, in order.
	Configure []string
	// Patches are clean paths below the spec's directory, applied in order.
	Patches []string
	// Threads asks for an interpreter with threads.
	Threads bool
	// Source and SHA256 name an archive that the catalogue of releases doesn't
	// have. Both are set or neither; SHA256 is 64 lower-case hexadecimal digits.
	Source, SHA256 string
}

// RuntimeAs says what becomes of the runtime in packages.
type RuntimeAs string

// The values of RuntimeAs.
const (
	// AsBundled puts the runtime into the project's package.
	AsBundled RuntimeAs = "bundled"
	// AsPackage makes it a package that projects share.
	AsPackage RuntimeAs = "package"
)

// Ecosystem is a section of dependencies: where the dependencies of a language
// come from.
type Ecosystem struct {
	// Name is its key: "npm".
	Name string
	// Section is the section as it was written.
	Section *Node

	// value is what the format of the language made of the section, or nil.
	value any
}

// App is the application itself.
type App struct {
	// Files and Exclude are patterns, relative to the spec's directory, in which **
	// stands for any number of directories. A directory stands for all that is in it.
	Files, Exclude []string
	// Base is PROJECT_BASE in a package that doesn't ship the application: an
	// absolute path, or empty.
	Base string
}

// Service is a process of the application.
type Service struct {
	Name string
	// Run is the argv, without a shell.
	Run []Value
	// Listen is the port, address or socket path, or nil.
	Listen Value
	// Hot is nil if the service isn't run under a hot deployer.
	Hot *Hot
	// User and Group are whom it runs as. Where the spec doesn't say it, that is a
	// system user named after the package, and the group of the user's name.
	User, Group string
	// Env adds to the environment of the spec.
	Env     []EnvVar
	Restart Restart
	// Instances is at least 1.
	Instances int
	// Schedule is a calendar expression of systemd ("daily"), or empty for a
	// process that runs all the time.
	Schedule string
}

// Hot keeps a service's socket open while its generations change.
type Hot struct {
	// Interval is how long, in seconds, a new generation must live before the old
	// one is ended.
	Interval int
	// Signal ends the processes of an old generation when they have answered what
	// they were asked: "TERM", for some servers another.
	Signal string
	// RestartOnRuntime restarts the hot deployer itself, which drops the socket for
	// a moment, when an upgrade brings another runtime.
	RestartOnRuntime bool
}

// Restart says when a service that ended is started again.
type Restart string

// The values of Restart.
const (
	RestartAlways    Restart = "always"
	RestartOnFailure Restart = "on-failure"
	RestartNo        Restart = "no"
)

// Package says what the package is like.
type Package struct {
	// Prefix is the absolute, clean directory that the package owns.
	Prefix string
	// Revision is the Debian revision, at least 1.
	Revision int
	// Releases is how many releases stay on a server. 0 leaves the files in
	// place, owned by dpkg.
	Releases int
	// Depends are Debian relationships added to the computed ones.
	Depends []string
	// Unchecked are patterns of absolute paths on the server that the health check
	// passes over.
	Unchecked []string
	// Nfpm holds all other keys of the section, which are nfpm's own, as they were
	// written. It is a map; nil if there are none.
	Nfpm *Node
}
