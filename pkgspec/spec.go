package pkgspec

// SpecName is the file name of the spec.
const SpecName = "envbuild.yaml"

// Spec is a project's envbuild.yaml (design.md §4), checked and with defaults
// filled in. It holds the whole format; Unsupported names what this version of
// envbuild doesn't do with it yet.
type Spec struct {
	// File is the name that Parse was given, for errors. Dir is its folder, to
	// which the paths in the spec are relative.
	File, Dir string

	// Name is a Debian package name.
	Name        string
	Version     Version
	Maintainer  string // "Name <mail>"
	Description string // the first line is the synopsis

	Runtime      Runtime
	Dependencies Dependencies
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

// Runtime is the language's interpreter.
type Runtime struct {
	// Language is the key of the runtime section: "perl".
	Language string
	// Constraint is a semver constraint as written: "~5.36".
	Constraint string
	Options    RuntimeOptions
	As         RuntimeAs
	// Strip takes out of all compiled files, those of the dependencies too, what
	// only debuggers read.
	Strip bool
	// Prefix is where a runtime that is a package of its own is installed. It is
	// empty unless the spec gives it.
	Prefix string
	// Revision is the Debian revision of that package, at least 1.
	Revision int
	// Maintainer answers for that package: who answers for the project unless the
	// spec gives it.
	Maintainer string
}

// RuntimeOptions say how the runtime is built.
type RuntimeOptions struct {
	// Configure are arguments added to configure's, in order.
	Configure []string
	// Patches are clean paths below the spec's folder, applied in order.
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

// Dependencies are the project's dependencies by ecosystem.
type Dependencies struct {
	// CPAN is nil if the spec has no dependencies.cpan.
	CPAN *CPAN
	// Others are the sections of ecosystems that this version only knows by name
	// ("npm", "pypi", "gem"), in the order of the spec.
	Others []Ecosystem
}

// Ecosystem is a section of dependencies that is held as it was written.
type Ecosystem struct {
	Name    string
	Section *Node
}

// CPAN says where perl's dependencies come from.
type CPAN struct {
	// Cpanfile is a clean path below the spec's folder; cpanfile.snapshot is
	// looked for beside it.
	Cpanfile string
	// Without are the phases that are left out.
	Without []string
	// Features are the cpanfile's features that are switched on.
	Features []string
	// Mirrors are base addresses in the order in which they are asked: http,
	// https or file addresses, or folders relative to the spec's.
	Mirrors []string
	// Build helps single distributions, in the order of the spec.
	Build []BuildHelp
}

// BuildHelp is what a distribution needs to be built beyond what it says itself.
type BuildHelp struct {
	// Distribution is its name: "DBD-mysql".
	Distribution string
	// Env holds variables of the build, in the order of the spec.
	Env []Literal
	// Apt names Debian packages whose headers and libraries it may use.
	Apt []string
	// Needs names modules or distributions that its metadata forgot.
	Needs []string
}

// Literal is a variable whose value holds no references.
type Literal struct{ Name, Value string }

// App is the application itself.
type App struct {
	// Files and Exclude are patterns, relative to the spec's folder, in which **
	// stands for any number of folders. A folder stands for all that is in it.
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

// ServiceFormat is an init system for which units are written.
type ServiceFormat string

// The init systems.
const (
	Systemd     ServiceFormat = "systemd"
	Upstart     ServiceFormat = "upstart"
	Supervisord ServiceFormat = "supervisord"
	Runit       ServiceFormat = "runit"
)

// Package says what the package is like.
type Package struct {
	// Prefix is the absolute, clean folder that the package owns.
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
