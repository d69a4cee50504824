package sandbox

import (
	"fmt"
	"strings"
)

// UnavailableError says why this machine can't have a tier.
type UnavailableError struct {
	Tier Tier
	// Err is what the kernel answered, and to what.
	Err    error
	remedy string
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("sandbox tier %s is not available: %v", e.Tier, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// Hint says what would make the tier available.
func (e *UnavailableError) Hint() string { return e.remedy }

// SetupError says at which stage a sandbox could not be made.
type SetupError struct {
	Tier Tier
	// Stage is what was being done: "mount /proc".
	Stage string
	Err   error
}

func (e *SetupError) Error() string {
	return fmt.Sprintf("sandbox (%s): %s: %v", e.Tier, e.Stage, e.Err)
}

func (e *SetupError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *SetupError) Hint() string {
	return "run 'envbuild doctor': it tells which sandbox this machine allows, and what would allow a stronger one"
}

// CommandError says that a Command can't be run as it is.
type CommandError struct {
	// Field is the field of Command that is wrong.
	Field  string
	Reason string
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("sandbox: %s: %s", e.Field, e.Reason)
}

// StartError says that the sandbox was made but the command could not be
// started in it.
type StartError struct {
	Name string
	Err  error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("start %s in the sandbox: %v", e.Name, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// Hint says where the sandbox looks for commands.
func (e *StartError) Hint() string {
	return "inside the sandbox only the system's own directories exist, without /usr/local and the home directory"
}

// KilledError says that the first process of a sandbox was killed from outside,
// and the command with it.
type KilledError struct {
	// State is how it ended: "signal: killed".
	State string
}

func (e *KilledError) Error() string {
	return "the sandbox's first process ended without a word: " + e.State
}

// Hint names the usual killer.
func (e *KilledError) Hint() string {
	return "the kernel kills processes when memory runs out (see dmesg); fewer jobs (-j) need less"
}

// LeakError says that a weaker tier could not put a placeholder back.
type LeakError struct {
	// File is relative to the layer's prefix.
	File   string
	Offset int64
}

func (e *LeakError) Error() string {
	return fmt.Sprintf("%s, offset %d: a piece of the step's own path remains, which can't be replaced", e.File, e.Offset)
}

// Hint says which tier has no such paths.
func (e *LeakError) Hint() string {
	return "build where the namespaces tier is available ('envbuild doctor' tells): there every step has the same paths"
}

// SharedChangeError says that a command changed a read-only layer, which only
// the None tier can't prevent.
type SharedChangeError struct {
	Prefix  string
	Changes Changes
}

func (e *SharedChangeError) Error() string {
	files := append(append([]string(nil), e.Changes.Modified...), e.Changes.Deleted...)
	return fmt.Sprintf("the command changed the read-only layer %s: %s", e.Prefix, strings.Join(files, ", "))
}

// Hint says what the stronger tiers do.
func (e *SharedChangeError) Hint() string {
	return "in a stronger sandbox tier the command is stopped when it tries that; its recipe must install into its own prefix"
}
