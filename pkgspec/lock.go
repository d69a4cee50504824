package pkgspec

import (
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// LockName is the file name of the lock, beside the spec.
const LockName = "envbuild.lock"

// LockVersion is the format that this program writes.
const LockVersion = 1

// Lock pins a runtime and its distributions by content. The same inputs give
// the same lock, byte for byte.
type Lock struct {
	// Inputs are the digests of all that resolution read, sorted by name. The lock
	// is stale when one of them changed.
	Inputs []LockInput
	// Date is the newest time that a pinned archive records, in UTC and whole
	// seconds: the source date of packages when SOURCE_DATE_EPOCH is not set.
	Date time.Time
	// Runtime pins the interpreter.
	Runtime RuntimePin
	// Distributions are sorted by name, compared bytewise.
	Distributions []Pin
}

// LockInput is one thing that resolution read: "runtime", "dependencies" (the
// spec's sections in canonical form), "cpanfile", "cpanfile.snapshot", a patch.
type LockInput struct {
	Name   string
	SHA256 digest.SHA256
}

// RuntimePin pins an interpreter.
type RuntimePin struct {
	Language string // "perl"
	Version  string // "5.36.0"
	// Date is the newest time that its archive records, like Lock.Date, so that the
	// package of a shared runtime doesn't depend on the project that makes it. It is
	// zero in a lock that an older envbuild made.
	Date   time.Time
	Source SourcePin
}

// SourcePin names an archive by its content.
type SourcePin struct {
	// Path is the archive's path below a mirror of the language's network
	// ("M/MI/MIYAGAWA/Plack-1.0050.tar.gz" for CPAN, below authors/id), or its
	// plain file name for a runtime.
	Path string
	// URL is set only where the spec gives an address of its own.
	URL    string
	SHA256 digest.SHA256
	Size   int64
}

// Pin pins one distribution.
type Pin struct {
	// Name is the distribution's name, unique in a lock: "Plack".
	Name    string
	Version string
	Source  SourcePin
	// CBytes is the number of bytes of C and C++ in the archive.
	CBytes int64
	// License is an SPDX licence expression of what the archive's metadata says, or
	// empty: "Artistic-1.0-Perl OR GPL-1.0-or-later".
	License string
	// Requires names the distributions of this lock that it needs to build or to
	// run, sorted. What the runtime itself satisfies is left out.
	Requires []string
	// Provides lists the modules inside, sorted by name.
	Provides []Module
}

// Module is a name that code loads and its version, "undef" where it has none.
type Module struct{ Name, Version string }
