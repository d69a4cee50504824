// Package sandbox runs one command so that it sees the system's compilers, its
// own work directory and the layers that it was given, each at a fixed path, and
// nothing else of the machine: no network, no home directory, no other process, no
// secret (design.md §2.4). When the command ends, what it added to a layer is in
// a directory of its own, and what it changed or deleted of others' files is
// reported.
//
// Where the kernel allows no mount namespace, weaker tiers give each step copies
// of its layers at paths of its own, of the placeholders' length, and put the
// placeholders back when it ends, so that outputs are the same (design.md §2.7).
// What each tier leaves open is said at its name.
//
// The package starts its own binary again as the first process of a sandbox. A
// program that uses it calls Main first thing in its main function, and a test
// binary in TestMain.
package sandbox

import (
	"context"
	"io"
	"os"
	"syscall"
	"time"
)

// Layer is a directory that a command sees at Prefix: host directories merged, and one
// that receives what the command adds.
type Layer struct {
	// Prefix is the absolute path at which the command sees the layer, a name
	// directly below the root: a placeholder of 64 bytes.
	Prefix string
	// Lowers are the host directories that are merged, all read-only. Of two files
	// with one path the earlier directory's is seen. At most MaxLowers.
	Lowers []string
	// Upper is an empty host directory, on one file system with Command.Scratch, that
	// receives what the command adds. Where it is "", the layer is read-only.
	Upper string
}

// MaxLowers is the greatest number of lower directories of one layer: overlayfs
// has no more.
const MaxLowers = 500

// Command is one command to run.
type Command struct {
	// Argv is the command and its arguments. A name without a slash is looked up
	// in Env's PATH, inside the sandbox.
	Argv []string
	// Env is the command's whole environment, as NAME=value. The weaker tiers add
	// TMPDIR, as /tmp isn't theirs alone.
	Env []string
	// Work is the host directory that the command sees at WorkPath and may write.
	Work string
	// WorkPath is an absolute path of 64 bytes, a name directly below the root.
	WorkPath string
	// Dir is the directory in which the command starts, relative to WorkPath or
	// absolute; "" is WorkPath.
	Dir string
	// Layers are what the command sees beside the system and its work directory.
	Layers []Layer
	// Stdin, Stdout and Stderr are as in os/exec: nil is /dev/null, and a file is
	// handed to the command itself.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// ExtraFiles are the command's files from descriptor 3 on, such as the pipe of
	// a make jobserver.
	ExtraFiles []*os.File
	// TTY leaves the command the caller's terminal, in the foreground, with job
	// control. Stdin must be that terminal. Otherwise the command has none.
	TTY bool
	// ReadOnlyHost names further host files and directories that the command may read,
	// at their own absolute paths.
	ReadOnlyHost []string
	// Scratch is a host directory for the sandbox's own temporary files. Nothing of
	// the sandbox remains in it when Run returns.
	Scratch string
}

// Result says how a command ended.
type Result struct {
	// ExitCode is the command's exit code, or 128 and the signal's number, as a
	// shell has it.
	ExitCode int
	// Signal killed the command, or is 0.
	Signal syscall.Signal
	// Duration is wall time, with what the sandbox itself cost.
	Duration time.Duration
	// UserCPU and SysCPU are the times of the command and of its descendants.
	UserCPU, SysCPU time.Duration
	// MaxRSS is the memory, in bytes, of the largest of these processes.
	MaxRSS int64
	// Changes has one entry per layer of the command. They are filled in, and
	// Upper holds just what the step added, when the exit code is 0.
	Changes []Changes
}

// Changes says what a command did to the files of a layer's lower directories. The
// paths are slash-separated, relative to the layer's prefix, and sorted.
type Changes struct {
	// Modified files have other content, another type or another executable bit
	// than below. The new version is in Upper.
	Modified []string
	// Deleted files and directories are gone; of a directory only itself is named.
	Deleted []string
}

// Options configure a Sandbox.
type Options struct {
	// CopyRoot is the existing directory below which the weaker tiers make copies;
	// "" is /tmp. No parent of it should mean anything to a build (a checkout, a
	// node_modules directory). Its path is at most 32 bytes long.
	CopyRoot string
	// Now is the clock by which commands are timed; nil is time.Now.
	Now func() time.Time
}

// Sandbox runs commands in one tier. It may run several at once.
type Sandbox struct {
	tier   Tier
	opts   Options
	shared *sharedCopies
}

// New returns a sandbox of the given tier, whether or not the kernel allows it
// (Probe tells). Close removes what it keeps.
func New(tier Tier, opts Options) *Sandbox {
	if opts.CopyRoot == "" {
		opts.CopyRoot = "/tmp"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Sandbox{tier: tier, opts: opts, shared: newSharedCopies()}
}

// Tier returns the sandbox's tier.
func (s *Sandbox) Tier() Tier { return s.tier }

// Close removes the copies of read-only layers that the weaker tiers share
// between commands. No command may be running.
func (s *Sandbox) Close() error { return s.shared.remove() }

// Run runs c and waits for it. An exit code other than 0 is a Result; an error
// is the sandbox's own failure or ctx's. However it ends, no descendant of the
// command runs when Run returns: in the Namespaces tier the kernel sees to that,
// in the others the sandbox's first process, which adopts and kills orphans.
// When the caller dies, its commands are killed likewise.
func (s *Sandbox) Run(ctx context.Context, c Command) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	if s.tier.mounts() {
		return s.runMounted(ctx, &c)
	}
	return s.runCopied(ctx, &c)
}
