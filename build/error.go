package build

import (
	"fmt"
	"strings"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/hint"
)

// StepError says that a step did not succeed.
type StepError struct {
	Step *plan.Step
	// Label is what tells the step from others, for commands; "" if it has no sandbox.
	Label string
	// Err says what went wrong: an exit status, a change of another's file, a
	// library from outside.
	Err error
	// Phase is the part of the recipe that failed, if the log tells.
	Phase string
	// Log is the path of the whole log and Tail its last lines.
	Log  string
	Tail []string
	// Explanation is what the language makes of the log, or "".
	Explanation string
	// Kept is the directory with what the step left, if it was asked for.
	Kept string
}

func (e *StepError) Error() string {
	what := e.Step.Name
	if e.Step.Version != "" {
		what += " " + e.Step.Version
	}
	if e.Phase != "" {
		return fmt.Sprintf("%s failed in %s: %v", what, e.Phase, e.Err)
	}
	return fmt.Sprintf("%s failed: %v", what, e.Err)
}

// Unwrap returns what went wrong.
func (e *StepError) Unwrap() error { return e.Err }

// Hint says what the cause advises, since the engine knows that cause for sure,
// else what the log seems to mean.
func (e *StepError) Hint() string {
	if h := hint.Of(e.Err); h != "" {
		return h
	}
	return e.Explanation
}

// ShellCommand is the command that enters the step's sandbox, or "" if it has none.
func (e *StepError) ShellCommand() string {
	if e.Label == "" {
		return ""
	}
	return "envbuild shell --step " + e.Label
}

// ExitError says that a recipe ended with a status other than 0.
type ExitError struct {
	Code   int
	Signal string
}

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return "the recipe was ended by " + e.Signal
	}
	return fmt.Sprintf("the recipe ended with status %d", e.Code)
}

// ForeignChangeError says that a step changed or deleted files of its closure
// (design.md §2.5).
type ForeignChangeError struct {
	Modified, Deleted []string
}

func (e *ForeignChangeError) Error() string {
	var parts []string
	if len(e.Modified) > 0 {
		parts = append(parts, "changes files of its dependencies: "+strings.Join(e.Modified, ", "))
	}
	if len(e.Deleted) > 0 {
		parts = append(parts, "deletes files of its dependencies: "+strings.Join(e.Deleted, ", "))
	}
	return "the step " + strings.Join(parts, " and ")
}

// Hint names the usual reason.
func (e *ForeignChangeError) Hint() string {
	return "two distributions install the same file; often the newer one has taken it over, so update or leave out the other"
}

// ForeignLibraryError says that an output links a system library that nobody
// declared (design.md §2.4).
type ForeignLibraryError struct {
	File, Soname string
	// Package is the Debian package that holds the library, or "".
	Package string
	Step    *plan.Step
}

func (e *ForeignLibraryError) Error() string {
	if e.Package == "" {
		return fmt.Sprintf("%s links %s, which no Debian package on this machine holds", e.File, e.Soname)
	}
	return fmt.Sprintf("%s links %s of the package %s, which the spec doesn't declare", e.File, e.Soname, e.Package)
}

// Hint gives the lines for the spec.
func (e *ForeignLibraryError) Hint() string {
	if e.Package == "" {
		return "install the library from a Debian package, or make the step link a static one"
	}
	if e.Step.Kind == plan.Runtime {
		return "leave the library out by an option of the runtime's configuration"
	}
	return fmt.Sprintf("declare it in envbuild.yaml, under build in its section of the dependencies:\n    %s: {apt: [%s]}", e.Step.Name, e.Package)
}

// InterruptedError says that a person or the system stopped the build.
type InterruptedError struct{ Cause error }

func (e *InterruptedError) Error() string { return "interrupted" }

// Unwrap returns the context's error.
func (e *InterruptedError) Unwrap() error { return e.Cause }
