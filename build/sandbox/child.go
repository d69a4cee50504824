package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/tree"
)

// Main must be the first call of a program that uses this package. In the first
// process of a sandbox it does what that has to do and never returns; in any
// other process it does nothing.
func Main() {
	if len(os.Args) == 0 || os.Args[0] != marker {
		return
	}
	// Capabilities, Landlock domains and seccomp filters belong to a thread. They
	// are changed in this one, which then starts the command.
	runtime.LockOSThread()
	// These are for the command. A handler, unlike a signal that the caller
	// ignores (nohup), isn't inherited by it; the runtime has handlers for the rest.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	first()
	os.Exit(0)
}

// first is the life of a sandbox's first process.
func first() {
	control := os.NewFile(controlFD, "control")
	status := os.NewFile(statusFD, "status")
	var cfg config
	// Without a configuration the caller has died.
	if json.NewDecoder(io.LimitReader(control, math.MaxInt32)).Decode(&cfg) != nil {
		return
	}
	r, answer := inside(&cfg, control)
	if answer {
		_ = json.NewEncoder(status).Encode(r)
	}
}

// inside makes the sandbox, runs the command and reports. There is no report
// when the caller wanted the command killed, or has died.
func inside(cfg *config, control *os.File) (r report, answer bool) {
	w := newWatch(cfg)
	go w.caller(control)
	r = run(cfg, w)
	return r, !w.finish()
}

func run(cfg *config, w *watch) report {
	if err := setUp(cfg); err != nil {
		return failure(err)
	}
	pid, err := startCommand(cfg)
	if err != nil {
		r := failure(at("start", err))
		r.Start = true
		return r
	}
	w.started(pid)
	r := report{Status: waitFor(pid)}
	if cfg.Tier != Namespaces {
		killOrphans()
	}
	addUsage(&r)
	return r
}

func failure(err error) report {
	r := report{Stage: "set up", Message: err.Error()}
	var stage *stageError
	if errors.As(err, &stage) {
		r.Stage, r.Message = stage.stage, stage.err.Error()
	}
	if !errors.As(err, &r.Errno) && errors.Is(err, exec.ErrNotFound) {
		r.Errno = unix.ENOENT
	}
	return r
}

// setUp turns this process into what the command is to inherit.
func setUp(cfg *config) error {
	if err := closeInherited(cfg.Tier); err != nil {
		return err
	}
	if err := setLimits(); err != nil {
		return err
	}
	unix.Umask(0o022)
	if cfg.Tier != Namespaces {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return at("adopt orphans", err)
		}
	}
	if cfg.Tier != None {
		// The session's kernel keyring may hold secrets. Where a container forbids
		// the call, it forbids reading keys too.
		_, _ = unix.KeyctlJoinSessionKeyring("")
	}
	if cfg.Tier.mounts() {
		if err := enterRoot(cfg); err != nil {
			return err
		}
	}
	if err := unix.Chdir(cfg.Dir); err != nil {
		return at("enter "+cfg.Dir, err)
	}
	return restrict(cfg)
}

// restrict takes from this thread, and so from the command, what it needs no
// longer.
func restrict(cfg *config) error {
	if cfg.Tier == None {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return at("set no_new_privs", err)
	}
	if !cfg.Tier.mounts() {
		if err := restrictFiles(cfg.Rules); err != nil {
			return err
		}
		if err := filterCalls(); err != nil {
			return err
		}
	}
	if cfg.Tier == NamespacesNoPID {
		if err := scopeSignals(); err != nil {
			return err
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	// Other threads of this process keep what this one gave up: nobody may trace
	// it. The command becomes traceable again by exec.
	return at("forbid tracing", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}

// closeInherited makes sure that the command gets the files it was given and
// not what the caller's own parent left open.
func closeInherited(tier Tier) error {
	err := unix.CloseRange(controlFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if tier == None && errors.Is(err, unix.ENOSYS) {
		return nil // a kernel before 5.11
	}
	return at("close inherited files", err)
}

// setLimits makes the resource limits that a configure script can see the same
// everywhere, as far as the caller's hard limits allow.
func setLimits() error {
	for resource, want := range map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: 4096,
		unix.RLIMIT_STACK:  8 << 20,
	} {
		var have unix.Rlimit
		if err := unix.Getrlimit(resource, &have); err != nil {
			return at("read resource limits", err)
		}
		limit := unix.Rlimit{Cur: min(want, have.Max), Max: min(want, have.Max)}
		if err := unix.Prlimit(0, resource, &limit, nil); err != nil {
			return at("set resource limits", err)
		}
	}
	return nil
}

// startCommand forks from this thread, so that the command inherits what the
// thread was restricted to.
func startCommand(cfg *config) (int, error) {
	os.Clearenv()
	for _, kv := range cfg.Env {
		if len(kv) > 5 && kv[:5] == "PATH=" {
			if err := os.Setenv("PATH", kv[5:]); err != nil {
				return 0, err
			}
		}
	}
	path, err := exec.LookPath(cfg.Argv[0]) // on the command's own PATH, inside
	if err != nil {
		var notFound *exec.Error
		if errors.As(err, &notFound) {
			err = notFound.Err
		}
		return 0, err
	}
	files := []uintptr{0, 1, 2}
	for i := range cfg.ExtraFiles {
		files = append(files, uintptr(extraFD+i))
	}
	sys := &syscall.SysProcAttr{Foreground: cfg.TTY}
	if cfg.Tier != Namespaces {
		sys.Pdeathsig = syscall.SIGKILL
	}
	return syscall.ForkExec(path, cfg.Argv, &syscall.ProcAttr{Env: cfg.Env, Files: files, Sys: sys})
}

func addUsage(r *report) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_CHILDREN, &u) != nil {
		return
	}
	r.UserMicros = u.Utime.Nano() / 1000
	r.SysMicros = u.Stime.Nano() / 1000
	r.MaxRSS = u.Maxrss * 1024
}

// watch ends the sandbox when its caller wants it or dies.
type watch struct {
	cfg *config
	// state is the command's pid, 0 before there is one, and -1 when it is to end.
	state atomic.Int64
	// ended is closed when no descendant is left, removed when the directories of a
	// caller that died are gone.
	ended, removed chan struct{}
}

func newWatch(cfg *config) *watch {
	return &watch{cfg: cfg, ended: make(chan struct{}), removed: make(chan struct{})}
}

// caller waits for the control pipe's end. Its thread, unlike that which starts
// the command, is not restricted.
func (w *watch) caller(control *os.File) {
	var b [1]byte
	n, _ := control.Read(b[:])
	if w.cfg.Tier == Namespaces {
		os.Exit(1) // the kernel kills the rest of the pid namespace
	}
	if pid := w.state.Swap(-1); pid > 0 {
		_ = unix.Kill(int(pid), unix.SIGKILL)
	}
	<-w.ended
	if n == 0 {
		for _, dir := range w.cfg.Remove {
			_ = tree.RemoveAll(dir)
		}
	}
	close(w.removed)
}

// started tells which process to kill.
func (w *watch) started(pid int) {
	if !w.state.CompareAndSwap(0, int64(pid)) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// finish reports whether the caller wanted an end or has died.
func (w *watch) finish() bool {
	close(w.ended)
	if w.state.Load() >= 0 {
		return false
	}
	<-w.removed
	return true
}
