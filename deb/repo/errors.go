package repo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/envbuild/envbuild/deb/repo/sign"
)

// PackageError says that a file can't be published.
type PackageError struct {
	// Path is the file.
	Path   string
	Reason string
	Err    error // may be nil
	hint   string
}

func (e *PackageError) Error() string {
	msg := e.Path + ": " + e.Reason
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *PackageError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *PackageError) Hint() string { return e.hint }

// ConflictError says that a package's name, version and architecture are taken by
// other bytes.
type ConflictError struct {
	Package, Version, Architecture string
	// File is what is there, in the storage.
	File string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %s %s is there with other bytes: %s", e.Package, e.Version, e.Architecture, e.File)
}

// Hint says what to do.
func (e *ConflictError) Hint() string {
	return "give what has changed a new version; a file that no generation names goes with `envbuild repo gc`"
}

// NotFoundError says that the repository hasn't what was asked for.
type NotFoundError struct {
	What string
	hint string
}

func (e *NotFoundError) Error() string { return e.What }

// Hint says what there is instead, or how to get it.
func (e *NotFoundError) Hint() string { return e.hint }

// SettingsError says that something is wrong with what a repository is to be.
type SettingsError struct{ Field, Value, Reason, hint string }

func (e *SettingsError) Error() string {
	return fmt.Sprintf("the %s %q %s", e.Field, e.Value, e.Reason)
}

// Hint says what to do.
func (e *SettingsError) Hint() string { return e.hint }

// ClockError says that the clock is behind the repository's last date. Clients
// ignore what is older than what they have, and refuse what is in the future.
type ClockError struct{ Now, Last time.Time }

func (e *ClockError) Error() string {
	return fmt.Sprintf("this machine's clock says %s, but the last publication was at %s",
		e.Now.UTC().Format(time.RFC3339), e.Last.UTC().Format(time.RFC3339))
}

// Hint says what to do.
func (e *ClockError) Hint() string { return "set the clock; publish from then on" }

// StateError says that a file of the repository is damaged or missing.
type StateError struct {
	File string
	Err  error
}

func (e *StateError) Error() string { return e.File + ": " + e.Err.Error() }

func (e *StateError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *StateError) Hint() string {
	var signature *sign.SignatureError
	if errors.As(e.Err, &signature) {
		return "it was changed by somebody else, or is signed with a key that was not named; to change keys, name the old and the new one"
	}
	return "`envbuild repo verify` says what else is damaged"
}

// oneOf lists names for a hint.
func oneOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
