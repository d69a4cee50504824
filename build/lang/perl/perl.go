// Package perl is the language perl: it reads cpanfile and cpanfile.snapshot,
// pins the runtime and the CPAN distributions that a project needs, and turns
// the pins into steps.
//
// A snapshot is an index and no complete lock: it has no checksums, and the ones
// in the wild lack what only configuring needs and what has left perl's core
// since. So locking walks the requirements itself, from the cpanfile through the
// snapshot, checks them against the modules of the target perl's core, and fills
// the gaps from the mirrors' index, each with a notice.
package perl

import (
	"github.com/envbuild/envbuild/pkgspec"
)

// language is the language's key under "runtime" in the spec.
const language = "perl"

// Perl is the language. It holds no state of its own.
type Perl struct{}

// New returns the language.
func New() *Perl { return &Perl{} }

// Name is the key under "runtime" in the spec.
func (*Perl) Name() string { return language }

// Format implements lang.Formatter.
func (*Perl) Format() pkgspec.Language { return pkgspec.Perl() }

// runtimeOf returns the perl of a spec.
func runtimeOf(spec *pkgspec.Spec) pkgspec.Runtime {
	if r := spec.Runtime(language); r != nil {
		return *r
	}
	return pkgspec.Runtime{Language: language}
}

// Interpreter is the perl of the pinned runtime.
func (*Perl) Interpreter() string { return runtimePrefix + "/bin/perl" }
