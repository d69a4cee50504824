package service

import (
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
)

// Input is what the files are made from.
type Input struct {
	// Name is the package's, Description its synopsis or longer.
	Name, Description string
	Paths             Paths
	// Services and Formats are the spec's.
	Services []pkgspec.Service
	Formats  []pkgspec.ServiceFormat
	// Pinned are the bundle's variables with the real paths of this release,
	// PROJECT_BASE among them; Env are those of the spec.
	Pinned []env.Var
	Env    []pkgspec.EnvVar
	// Runtime identifies what masters run on: another one means that a master
	// with hot.restart_on_runtime has to be restarted.
	Runtime string
	// RuntimePackage names the Debian package of a runtime that projects share.
	// It is upgraded alone, so its version on the server counts, not Runtime.
	RuntimePackage string
	// Master keeps the sockets of hot services open; it is nil if no language of the
	// project has one.
	Master *Master
}

// Paths say where things stand on the server. All are absolute.
type Paths struct {
	// Prefix is the package's directory, in which services.sh stands.
	Prefix string
	// Release is the directory of this release's own files: the prefix with
	// releases: 0, else <prefix>/releases/<version>.
	Release string
	// Current is how the release in use is reached: the prefix with releases: 0,
	// else <prefix>/current.
	Current string
	// Base is PROJECT_BASE, in which commands run.
	Base string
}

// Override returns the path of the file in which a server's administrator
// overrides variables of the package called name.
func Override(name string) string { return "/etc/" + name + "/env" }

// Scripts are parts of maintainer scripts; the package comment says where each
// belongs. An empty one has nothing to do.
type Scripts struct {
	PreInst, Prepare, Activate, PreRm, PostRm string
}

// Files is what a package ships for its services.
type Files struct {
	// Release files belong to the release, System files to the package. Their paths
	// are absolute.
	Release, System []tree.Entry
	Scripts         Scripts
	// Depends are Debian relationships that the scripts need.
	Depends []string
}
