package pkgspec

import (
	"cmp"
	"time"

	"github.com/envbuild/envbuild/internal/digest"
)

// LockName is the file name of the lock, beside the spec.
const LockName = "envbuild.lock"

// LockVersion is the format that this program writes. It reads version 1 too.
const LockVersion = 2

// RootMachine is the root of steps that see the machine on which they run.
const RootMachine = "machine"

// Lock pins runtimes and distributions by content. The same inputs give the same
// lock, byte for byte.
type Lock struct {
	// Inputs are the digests of all that resolution read, sorted by name. The lock
	// is stale when one of them changed.
	Inputs []LockInput
	// Date is the newest time that a pinned archive records, in UTC and whole
	// seconds: the source date of packages when SOURCE_DATE_EPOCH is not set.
	Date time.Time
	// Root says what steps see of the system: RootMachine.
	Root string
	// Targets are what the lock is for, sorted; none where that is the machine on
	// which it is used.
	Targets []Target
	// Languages are sorted by name.
	Languages []LanguageLock
}

// LanguageLock is what a lock pins for one language.
type LanguageLock struct {
	// Language is its key in the runtime section of the spec.
	Language string
	// Runtime pins the interpreter.
	Runtime RuntimePin
	// Distributions are sorted by ID, compared bytewise.
	Distributions []Pin
}

// LockInput is one thing that resolution read: a section of the spec in canonical
// form, or a file of the project by its name.
type LockInput struct {
	Name   string
	SHA256 digest.SHA256
}

// RuntimePin pins an interpreter.
type RuntimePin struct {
	Version string
	// Date is the newest time that its archives record, like Lock.Date, so that the
	// package of a shared runtime doesn't depend on the project that makes it. It is
	// zero in a lock that an older envbuild made.
	Date time.Time
	// Sources are its archives, sorted by path: one, unless targets have their own.
	Sources []SourcePin
}

// SourcePin names an archive by its content.
type SourcePin struct {
	// Path is the archive's path below a mirror of the language's network, or its
	// plain file name where there is no such path. No two sources of a pin have one.
	Path string
	// URL is set only where the archive has an address of its own.
	URL    string
	SHA256 digest.SHA256
	Size   int64
	// Targets are those for which the archive is, sorted; none is all of the pin's.
	Targets []Target
}

// Pin pins one distribution.
type Pin struct {
	// ID is unique in a language: "lodash", or "lodash@4.17.21" where there are
	// several of one name.
	ID string
	// Name is what people call it.
	Name    string
	Version string
	// Targets are those for which the distribution is, sorted; none is all.
	Targets []Target
	// Places are the clean paths, below the prefix of the language's distributions,
	// at which it stands, sorted; none is the prefix itself.
	Places []string
	// Sources are its archives, sorted by path.
	Sources []SourcePin
	// CBytes is the number of bytes of C and C++ in the archives.
	CBytes int64
	// License is an SPDX licence expression of what the archive's metadata says, or
	// empty: "MIT OR Apache-2.0".
	License string
	// Requires are the IDs of the language's distributions that it needs to build or to
	// run, sorted. What the runtime itself satisfies is left out.
	Requires []string
	// Provides lists the modules inside, sorted by name.
	Provides []Module
}

// Module is a name that code loads and its version, "undef" where it has none.
type Module struct{ Name, Version string }

// Language returns what the lock pins for a language, nothing if it hasn't it.
func (l *Lock) Language(name string) LanguageLock {
	for _, ll := range l.Languages {
		if ll.Language == name {
			return ll
		}
	}
	return LanguageLock{Language: name}
}

// Source returns the first of the archives, the only one of most pins.
func (p RuntimePin) Source() SourcePin { return firstSource(p.Sources) }

// Source returns the first of the archives, the only one of most pins.
func (p Pin) Source() SourcePin { return firstSource(p.Sources) }

func firstSource(sources []SourcePin) SourcePin {
	if len(sources) == 0 {
		return SourcePin{}
	}
	return sources[0]
}

// key is the ID, or the name of a pin that has none.
func (p *Pin) key() string { return cmp.Or(p.ID, p.Name) }
