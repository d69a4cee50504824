package sandbox

import "syscall"

// config is what the caller's process tells the sandbox's first process, as
// JSON on the control pipe.
type config struct {
	Tier Tier
	Argv []string
	Env  []string
	Dir  string
	TTY  bool
	// ExtraFiles is the number of the command's files behind the two pipes.
	ExtraFiles int
	// Mounts and Binds are for the tiers that mount, Rules for Landlock.
	Mounts []mount
	Binds  []bind
	Rules  []rule
	// Remove names the directories to remove when the caller has died.
	Remove []string
}

// mount is a layer in the tiers that mount.
type mount struct {
	Prefix string
	Lowers []string
	Upper  string
	// Work is overlayfs's own directory beside Upper.
	Work string
}

// bind shows a host directory or file at another path.
type bind struct {
	From, To string
	Writable bool
}

// rule allows access beneath a path.
type rule struct {
	Path   string
	Access access
}

// access is what a rule allows.
type access int

const (
	readExecute access = iota
	readWriteFile
	everything
)

// report is what the sandbox's first process answers, as JSON on the status
// pipe.
type report struct {
	// Stage is where the setup failed, or "".
	Stage string
	// Start reports that the sandbox was made and the command could not be
	// started.
	Start bool
	// Errno and Message are the failure's.
	Errno   syscall.Errno
	Message string

	Status                syscall.WaitStatus
	UserMicros, SysMicros int64
	MaxRSS                int64
}

// stageError is a failure inside the sandbox.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// at gives err, if it is one, the stage at which it happened.
func at(stage string, err error) error {
	if err == nil {
		return nil
	}
	return &stageError{stage, err}
}

// remoteError is a failure that a report brought: the other process's words,
// and its errno for errors.Is.
type remoteError struct {
	errno   syscall.Errno
	message string
}

func (e *remoteError) Error() string { return e.message }

func (e *remoteError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// The descriptors of the sandbox's first process.
const (
	controlFD = 3
	statusFD  = 4
	extraFD   = 5
)

// marker is the name (argv[0]) by which the binary knows that it is the first
// process of a sandbox.
const marker = "envbuild: sandbox"

// stopByte on the control pipe says that the caller lives and wants the command
// killed. The end of the pipe without it says that the caller has died.
const stopByte = 0
