package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lastOutput is how long output may still arrive after the sandbox's first
// process has ended. It only matters when a descendant escaped it.
const lastOutput = 5 * time.Second

// spawn starts the sandbox's first process, gives it cfg and waits for it.
func (s *Sandbox) spawn(ctx context.Context, cfg *config, c *Command) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	start := s.opts.Now()
	p, err := s.start(c)
	if err != nil {
		return Result{}, err
	}
	stop := context.AfterFunc(ctx, p.kill)
	answer, readErr := p.talk(cfg)
	p.kill()
	stop()
	waitErr := p.cmd.Wait()
	if c.TTY {
		takeTerminal(c.Stdin.(*os.File))
	}
	if err := ctx.Err(); err != nil && len(answer) == 0 {
		return Result{}, err
	}
	res, err := p.result(s.tier, answer, errors.Join(readErr, waitErr), c.Argv[0])
	res.Duration = s.opts.Now().Sub(start)
	return res, err
}

// process is a running first process.
type process struct {
	cmd             *exec.Cmd
	control, status *os.File
	pidNamespace    bool
}

func (s *Sandbox) start(c *Command) (_ *process, err error) {
	fail := func(err error) (*process, error) { return nil, &SetupError{s.tier, "start the first process", err} }
	controlR, controlW, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer controlR.Close()
	statusR, statusW, err := os.Pipe()
	if err != nil {
		controlW.Close()
		return fail(err)
	}
	defer statusW.Close()

	p := &process{control: controlW, status: statusR, pidNamespace: s.tier == Namespaces}
	p.cmd = &exec.Cmd{
		Path: "/proc/self/exe",
		Args: []string{marker},
		// Without an entry os/exec would pass on the caller's environment.
		Env:         []string{"GOMAXPROCS=2"},
		Dir:         "/",
		Stdin:       c.Stdin,
		Stdout:      c.Stdout,
		Stderr:      c.Stderr,
		ExtraFiles:  append([]*os.File{controlR, statusW}, c.ExtraFiles...),
		SysProcAttr: attributes(s.tier, c.TTY),
		WaitDelay:   lastOutput,
	}
	if err := p.cmd.Start(); err != nil {
		return fail(errors.Join(err, controlW.Close(), statusR.Close()))
	}
	return p, nil
}

// attributes says in which namespaces the first process starts, and as whom.
// There is no parent-death signal: the control pipe's end says the same, whatever
// thread started the process, and lets the first process tidy up.
func attributes(tier Tier, tty bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: !tty}
	if !tier.mounts() {
		return a
	}
	if tier == Namespaces {
		a.Cloneflags = syscall.CLONE_NEWPID
	}
	a.Cloneflags |= syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Geteuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Getegid(), Size: 1}}
	a.GidMappingsEnableSetgroups = false
	// A mapped user other than 0 loses its capabilities at exec unless they are
	// ambient. Overlayfs works with those of whoever mounts it: it needs to enter
	// its work directory, of mode 000, and to copy up files of any mode.
	a.AmbientCaps = []uintptr{
		unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP,
		unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER,
	}
	return a
}

// talk sends the configuration and returns the report, when the first process
// has closed its end.
func (p *process) talk(cfg *config) ([]byte, error) {
	defer p.status.Close()
	// No byte may follow the configuration: the next one means something.
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	// An error here means that the process has died: the empty report says so.
	_, _ = p.control.Write(text)
	return io.ReadAll(p.status)
}

// kill ends the command and its descendants. It may be called several times,
// also when they have ended.
func (p *process) kill() {
	if p.pidNamespace {
		_ = p.cmd.Process.Kill()
	}
	_, _ = p.control.Write([]byte{stopByte})
	_ = p.control.Close()
}

// result reads the report.
func (p *process) result(tier Tier, answer []byte, err error, name string) (Result, error) {
	var r report
	if jsonErr := json.Unmarshal(answer, &r); jsonErr != nil {
		return Result{}, &KilledError{State: errorText(p.cmd.ProcessState, err)}
	}
	switch cause := (&remoteError{r.Errno, r.Message}); {
	case r.Start:
		return Result{}, &StartError{name, cause}
	case r.Stage != "":
		return Result{}, &SetupError{tier, r.Stage, cause}
	}
	res := Result{
		ExitCode: r.Status.ExitStatus(),
		UserCPU:  time.Duration(r.UserMicros) * time.Microsecond,
		SysCPU:   time.Duration(r.SysMicros) * time.Microsecond,
		MaxRSS:   r.MaxRSS,
	}
	if r.Status.Signaled() {
		res.Signal = r.Status.Signal()
		res.ExitCode = 128 + int(res.Signal)
	}
	return res, nil
}

func errorText(state *os.ProcessState, err error) string {
	if state != nil {
		return state.String()
	}
	return err.Error()
}

// takeTerminal makes the caller's process group the terminal's foreground group
// again. That is a background group's request, so its signal is blocked.
func takeTerminal(tty *os.File) {
	runtime.LockOSThread() // the signal mask is a thread's
	defer runtime.UnlockOSThread()
	var block, old unix.Sigset_t
	block.Val[0] = 1 << (uint(unix.SIGTTOU) - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &block, &old) != nil {
		return
	}
	_ = unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCSPGRP, unix.Getpgrp())
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
}
