package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// processEvent is a line of --progress json, as far as tests look at it.
type processEvent struct {
	Kind, Name, Message  string
	Total, Cached, Built int
}

// running is an envbuild that works in the background.
type running struct {
	t      testing.TB
	cmd    *exec.Cmd
	events chan processEvent
	// What came so far; complete when events is closed.
	stderr *bytes.Buffer
	all    []processEvent
}

// start runs envbuild with --progress json. In niceness 1 the distribution of
// blocking waits until it gets another.
func (c client) start(t testing.TB, niceness int, args ...string) *running {
	t.Helper()
	c.under = []string{"nice", "-n", strconv.Itoa(niceness)}
	r := &running{t: t, events: make(chan processEvent, 1000), stderr: &bytes.Buffer{}}
	r.cmd = c.command(append([]string{"--progress", "json"}, args...)...)
	pipe, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.events)
		lines := bufio.NewScanner(io.TeeReader(pipe, r.stderr))
		for lines.Scan() {
			var e processEvent
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				r.all = append(r.all, e)
				r.events <- e
			}
		}
	}()
	return r
}

// until returns the next event of a kind that is of that name; "" is any.
func (r *running) until(kind, name string) processEvent {
	r.t.Helper()
	for e := range r.events {
		if e.Kind == kind && (name == "" || e.Name == name) {
			return e
		}
	}
	r.t.Fatalf("envbuild ended without the event %s of %q:\n%s", kind, name, r.stderr)
	return processEvent{}
}

// signal sends a signal and waits for the end.
func (r *running) signal(s syscall.Signal) outcome {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
	return r.wait()
}

// wait returns how it ended; a signal is code 128 and its number.
func (r *running) wait() outcome {
	r.t.Helper()
	for range r.events { // to the end, so that the pipe is read
		continue
	}
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	code := r.cmd.ProcessState.ExitCode()
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return outcome{args: r.cmd.Args, stderr: r.stderr.String(), code: code}
}

// watch tells what happens in a directory, which it makes if need be.
type watch struct {
	t   testing.TB
	dir string
	f   *os.File
}

func newWatch(t testing.TB, dir string) *watch {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{t: t, dir: dir, f: os.NewFile(uintptr(fd), "inotify")}
	t.Cleanup(func() { w.f.Close() })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MODIFY|unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	return w
}

// until returns the path of the first file or directory that is made or written and
// that ok accepts.
func (w *watch) until(ok func(path string) bool) string {
	w.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := w.f.Read(buf)
		if err != nil {
			w.t.Fatal(err)
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&rest[0]))
			name := rest[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+int(e.Len)]
			rest = rest[unix.SizeofInotifyEvent+int(e.Len):]
			path := filepath.Join(w.dir, strings.TrimRight(string(name), "\x00"))
			if ok(path) {
				return path
			}
		}
	}
}

// blockTitle is what a blocked step of the project in a directory calls its process,
// and says in its log. Tests of several checkouts may run on one machine.
func blockTitle(dir string) string { return "blocked-step-of-" + filepath.Base(dir) }

// blocking is a Makefile.PL that waits as long as it runs in niceness 1: so a
// test can stop the clock of one build, and the next one of the same step gets
// through. A nice value is one of the few things that a sandbox lets through.
func blocking(title string) string {
	return `use ExtUtils::MakeMaker;
$| = 1;
if (getpriority(0, 0) == 1) {
    $0 = '` + title + `';
    print "$0\n";
    select undef, undef, undef, 0.02 while getpriority(0, 0) == 1;
}
WriteMakefile(NAME => 'Blocks', VERSION => '1.0');
`
}

// blocked is the process of a step that waits.
type blocked struct {
	t   testing.TB
	pid int
	fd  int // a pidfd: another process may get the number
}

// waitBlocked returns when the log of a step says that it waits. The watch is
// that of the cache's logs.
func (w *watch) waitBlocked(title string) *blocked {
	w.t.Helper()
	w.until(func(path string) bool {
		log, err := os.ReadFile(path)
		return err == nil && bytes.Contains(log, []byte(title))
	})
	pids := processes(w.t, title)
	if len(pids) != 1 {
		w.t.Fatalf("%d steps are blocked", len(pids))
	}
	fd, err := unix.PidfdOpen(pids[0], 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { unix.Close(fd) })
	return &blocked{t: w.t, pid: pids[0], fd: fd}
}

// processes are those of a title.
func processes(t testing.TB, title string) []int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(line, []byte(title)) {
			continue // another process, or one that is gone
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// release lets it go on.
func (b *blocked) release() {
	b.t.Helper()
	if err := unix.Setpriority(unix.PRIO_PROCESS, b.pid, 2); err != nil {
		b.t.Fatal(err)
	}
}

// dead reports whether it has ended, within a time: 0, or -1 for any.
func (b *blocked) dead(milliseconds int) bool {
	b.t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}, milliseconds)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			b.t.Fatal(err)
		}
		return n == 1
	}
}
