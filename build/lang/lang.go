// Package lang says what envbuild asks of a language: to pin the project's
// dependencies, to turn pins into steps, and to name the variables that its
// environment needs. A language never downloads, never rewrites prefixes and
// never prints; what it may read of the world is handed to it.
package lang

import (
	"context"
	"errors"
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// Language is one language that envbuild knows. What only some languages can do
// are further interfaces, which a language has or hasn't.
type Language interface {
	// Name is its key under "runtime" in the spec.
	Name() string
	// Inputs are the digests of all that Lock reads of the project, as it is now: the
	// parts of the spec, and files, which it reads with readFile. A lock is stale when
	// one of them changed. A file that isn't there has no entry.
	Inputs(spec *pkgspec.Spec, readFile ReadFile) ([]pkgspec.LockInput, error)
	// Lock resolves the spec's constraints and pins every source.
	Lock(ctx context.Context, req LockRequest) (*LockResult, error)
	// Steps turns the pins of a lock into steps, the runtime's first.
	Steps(req StepsRequest) ([]plan.Step, error)
}

// ReadFile reads a file of the project by its path relative to the spec's
// directory. An absent file is fs.ErrNotExist.
type ReadFile func(name string) ([]byte, error)

// StepsRequest is what a language makes steps of.
type StepsRequest struct {
	Spec *pkgspec.Spec
	Lock *pkgspec.Lock
	// Registries are where the language's own configuration says that archives come
	// from; none leave it to the spec.
	Registries []Registry
}

// EnvironmentProvider is a language whose runtime and dependencies need variables.
type EnvironmentProvider interface {
	// Environment lists the variables that make the language's part of a view usable.
	Environment(spec *pkgspec.Spec, lock *pkgspec.Lock) []Var
}

// PackageDeclarer is a language whose section of the spec names Debian packages
// that single builds may use.
type PackageDeclarer interface {
	// SystemPackages lists them, in the order of the spec.
	SystemPackages(spec *pkgspec.Spec) []string
}

// OutputChecker is a language that checks what a step has built before it is
// stored, such as requirements that only configuring brought to light.
type OutputChecker interface {
	// CheckOutput returns an error, with a hint, if the output must not be used.
	CheckOutput(ctx context.Context, req CheckRequest) error
}

// FailureExplainer is a language that knows what a failed step's log means.
type FailureExplainer interface {
	// ExplainFailure returns a hint in one sentence or two, or "" if it has none.
	ExplainFailure(lock *pkgspec.Lock, step *plan.Step, log []byte) string
}

// LockRequest is what a language locks from.
type LockRequest struct {
	Spec *pkgspec.Spec
	// Inputs are what the lock is made from now: those of all languages.
	Inputs []pkgspec.LockInput
	// Previous is the lock so far, or nil.
	Previous *pkgspec.Lock
	// Update names distributions or modules that are to be resolved anew, to the
	// newest version that the constraints allow.
	Update []string
	// Registries are where the language's own configuration says that archives come
	// from; none leave it to the spec.
	Registries []Registry
	ReadFile   ReadFile
	Sources    Sources
	// Evaluate runs a script of the language with the pinned runtime in a sandbox
	// and returns what it prints; for requirement files that are programs. It
	// builds the runtime if need be.
	Evaluate func(ctx context.Context, runtime plan.Step, script string, stdin []byte) ([]byte, error)
}

// LockResult is what a language pins.
type LockResult struct {
	Pins pkgspec.LanguageLock
	// Date is the newest time that a pinned archive records, in UTC and whole seconds.
	Date time.Time
	// Notices are whole sentences that a person should know of.
	Notices []string
	// Unknown are the names of LockRequest.Update by which the language knows nothing.
	Unknown []string
}

// ErrNotFound says that a place was reached and doesn't have what was asked for.
var ErrNotFound = errors.New("not found")

// Sources is what a language may read of the world while it locks. A mirror is
// a base address (http, https, file). An error other than ErrNotFound means that
// a mirror could not be asked, which is never a reason to ask the next.
type Sources interface {
	// Read returns a small file, such as an index, fresh from the mirror.
	Read(ctx context.Context, mirror, path string) ([]byte, error)
	// Find brings the archive at path from the first mirror that has it into the
	// store.
	Find(ctx context.Context, mirrors []string, path string) (Archive, error)
	// Pinned brings an archive whose digest is known into the store.
	Pinned(ctx context.Context, src plan.Source) (Archive, error)
}

// FactCache is a power that Sources may have: to keep what was derived from archives,
// so that locking anew needn't read them.
type FactCache interface {
	LoadFacts(key string) ([]byte, bool)
	SaveFacts(key string, data []byte) error
}

// Archive is a source in the store.
type Archive struct {
	// File is its path on disk, read-only.
	File   string
	SHA256 digest.SHA256
	Size   int64
	// Mirror is where Find found it.
	Mirror string
}

// CheckRequest is a finished step.
type CheckRequest struct {
	Lock *pkgspec.Lock
	Step *plan.Step
	// Closure holds the step's closure, without itself.
	Closure []*plan.Step
	// Tree is the directory with what the step added, relative to its prefix.
	Tree string
	// RuntimeTree is the directory with the runtime's output.
	RuntimeTree string
}

// Var is one variable of a language's environment.
type Var struct {
	Name string
	// Kind says what happens to a value that the caller's environment has.
	Kind VarKind
	// Values are paths or strings in which the prefixes of the language's layout
	// stand for the real ones.
	Values []string
}

// VarKind says how a variable meets the caller's value of it.
type VarKind int

// The kinds of variables.
const (
	// Set replaces the caller's value.
	Set VarKind = iota
	// Prepend puts Values before the caller's value of a search path, each once.
	Prepend
	// Path is a search path that doesn't inherit the caller's value.
	Path
	// Unset removes the variable.
	Unset
)

// Interpreter is a language whose Lock may ask for LockRequest.Evaluate.
type Interpreter interface {
	// Interpreter is the program that runs scripts, below the build prefix of the
	// runtime.
	Interpreter() string
}

// RuntimePackager is a language whose runtime can be a package of its own, which
// projects share.
type RuntimePackager interface {
	// RuntimeABI reads what compiled distributions rely on from a runtime's output.
	RuntimeABI(tree string) (RuntimeABI, error)
}

// RuntimeABI says which runtimes can take each other's place below distributions
// that were compiled for one of them: those for which it is equal.
type RuntimeABI struct {
	// Series is what their versions have in common: "3.13".
	Series string
	// Settings are what else has to be equal, sorted, each in words of the
	// language's own.
	Settings []string
}
