package store

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/envbuild/envbuild/internal/digest"
)

// ErrMissing says that the store doesn't have what was asked for, or not whole.
var ErrMissing = errors.New("not in the store")

// CorruptError says that an entry is not what its name promises. It matches
// ErrMissing.
type CorruptError struct {
	// Entry is what is damaged: "output 1f2e…", "source 77ab…".
	Entry string
	// File is the path of the damaged file inside an output, or "".
	File string
	// Problem says what is wrong with it.
	Problem string
}

func (e *CorruptError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%s in the store is damaged: %s", e.Entry, e.Problem)
	}
	return fmt.Sprintf("%s in the store is damaged: %s: %s", e.Entry, e.File, e.Problem)
}

// Is makes a damaged entry a missing one.
func (e *CorruptError) Is(target error) bool { return target == ErrMissing }

// Hint says what to suspect.
func (e *CorruptError) Hint() string {
	return "something other than envbuild changed the store, or its disk is failing; `envbuild cache verify` finds all damaged entries, and the next build makes them again"
}

// MismatchError says that bytes are not those that their digest promised.
type MismatchError struct {
	Want, Got digest.SHA256
	Size      int64
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("wrong bytes: SHA-256 is %s (%d bytes), expected %s", e.Got, e.Size, e.Want)
}

// OwnerError says that the store belongs to another user.
type OwnerError struct {
	Root        string
	Owner, Self int // uids
}

func (e *OwnerError) Error() string {
	return fmt.Sprintf("the store %s belongs to uid %d, not to uid %d", e.Root, e.Owner, e.Self)
}

// Hint says how to get a store of one's own.
func (e *OwnerError) Hint() string {
	return "run envbuild as the user who owns the store (not through sudo), or set ENVBUILD_CACHE to a directory of your own"
}

// FormatError says that the store was made by a version of envbuild that this
// one doesn't understand.
type FormatError struct{ Root, Found string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("the store %s has the format %q, this envbuild knows %q", e.Root, e.Found, format[:len(format)-1])
}

// Hint says how to go on.
func (e *FormatError) Hint() string {
	return "set ENVBUILD_CACHE to another directory, or delete this one: everything in it can be made again"
}

// ForeignDirectoryError says that the directory named as the store holds other things.
type ForeignDirectoryError struct{ Root, Entry string }

func (e *ForeignDirectoryError) Error() string {
	return fmt.Sprintf("%s is not a store: it contains %s", e.Root, e.Entry)
}

// Hint says how to choose a store.
func (e *ForeignDirectoryError) Hint() string {
	return "set ENVBUILD_CACHE to a directory that is empty or doesn't exist yet"
}

// FullError says that the store's file system has no space left.
type FullError struct {
	Root string
	Err  error
}

func (e *FullError) Error() string { return fmt.Sprintf("the store %s is full: %v", e.Root, e.Err) }

// Unwrap returns the system's error.
func (e *FullError) Unwrap() error { return e.Err }

// Hint says how to make room.
func (e *FullError) Hint() string {
	return "free some space there, run `envbuild cache gc`, or set ENVBUILD_CACHE to a directory on a larger disk"
}

// explain turns a full disk into a *FullError.
func (s *Store) explain(err error) error {
	var full *FullError
	if errors.As(err, &full) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &FullError{Root: s.root, Err: err}
	}
	return err
}
