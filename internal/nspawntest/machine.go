// Package nspawntest boots Debian roots with systemd as their init, in
// containers without a network, so that tests install packages and run services
// as a server does. It needs root and systemd-nspawn; where these aren't, tests
// skip.
package nspawntest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// Machine is a container whose init is systemd. It is stopped when its test ends.
type Machine struct {
	// Root is the directory that the container has as /. Files can be read and written
	// there, but not what the container keeps in memory: /run, /tmp, /dev, /proc.
	Root string

	nspawn *exec.Cmd
	done   chan error
	// leader is the container's first process.
	leader int
	log    *bytes.Buffer
}

// patience is how long a machine may take to boot and to stop: far longer than
// it does, even where others use the processors.
const patience = 3 * time.Minute

// holdVariable, if it is set to anything, leaves a machine running when its test has
// ended, so that one can look around inside.
const holdVariable = "ENVBUILD_TEST_HOLD"

// Unpack makes a root of the machine's own Debian release in a directory of the
// test. Boot takes it; in between a test puts in what the machine has from the
// start.
func Unpack(t testing.TB) string {
	t.Helper()
	skiptest.Without(t, "systemd-nspawn", "mmdebstrap", "nsenter")
	if os.Getuid() != 0 {
		skiptest.Because(t, "only root can boot a container")
	}
	script := exec.Command(filepath.Join(checkout(t), ".ci", "root"), "--boot")
	var stderr bytes.Buffer
	script.Stderr = &stderr
	tarball, err := script.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", script, err, stderr.Bytes())
	}
	root := filepath.Join(t.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xf", strings.TrimSpace(string(tarball)), "-C", root).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", tarball, err, out)
	}
	return root
}

// checkout is the directory of this module.
func checkout(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		switch {
		case err == nil:
			return dir
		case !errors.Is(err, fs.ErrNotExist) || dir == "/":
			t.Fatal("no go.mod above the test")
		}
	}
}

// Boot starts the root and returns when systemd has started everything.
func Boot(t testing.TB, root string) *Machine {
	t.Helper()
	m := &Machine{Root: root, done: make(chan error, 1), log: new(bytes.Buffer)}
	// No registration: there may be no systemd here to register with. The name only
	// has to be unique.
	m.nspawn = exec.Command("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network",
		"--console=pipe", "--machine="+name(root), "--directory="+root)
	m.nspawn.Stdout, m.nspawn.Stderr = m.log, m.log
	// A test that runs into its time limit has no cleanup.
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := m.nspawn.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { m.done <- m.nspawn.Wait() }()
	t.Cleanup(func() { m.stop(t) })
	m.findLeader(t)
	// systemctl's own --wait may miss that the start is over, and then never ends.
	Until(t, func() error {
		out, _ := m.Try(t, "systemctl", "is-system-running")
		switch strings.TrimSpace(out) {
		case "running":
			return nil
		case "degraded", "maintenance", "stopping":
			failed, _ := m.Try(t, "systemctl", "list-units", "--failed", "--no-pager")
			journal, _ := m.Try(t, "journalctl", "--no-pager", "--boot", "--priority=warning", "--lines=30")
			t.Fatalf("the machine is %s%s%s", out, failed, journal)
		}
		return fmt.Errorf("the machine is %s", out)
	})
	return m
}

// name is a name of a machine that no other test has.
func name(root string) string {
	var b strings.Builder
	for _, r := range filepath.Dir(root) {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	s := b.String()
	return s[max(0, len(s)-40):]
}

// pause waits between two looks at something that tells nobody when it is ready.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
}

// findLeader waits until nspawn has a child in namespaces of its own.
func (m *Machine) findLeader(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pid := m.nspawn.Process.Pid
	children := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	for ctx.Err() == nil {
		text, _ := os.ReadFile(children)
		for _, child := range strings.Fields(string(text)) {
			comm, _ := os.ReadFile("/proc/" + child + "/comm")
			if leader, err := strconv.Atoi(child); err == nil && strings.TrimSpace(string(comm)) == "systemd" {
				m.leader = leader
				return
			}
		}
		select {
		case err := <-m.done:
			m.done <- err
			t.Fatalf("systemd-nspawn ended: %v\n%s", err, m.log)
		default:
			pause(ctx)
		}
	}
	t.Fatal("the container has no init")
}

// stop powers the machine off, and kills it if it won't.
func (m *Machine) stop(t testing.TB) {
	if m.leader != 0 && os.Getenv(holdVariable) != "" {
		// Tests print what they log only when they end.
		fmt.Fprintf(os.Stderr, "\n%s is held; enter its machine, and power it off to go on:\n"+
			"    nsenter --target %d --all bash\n    nsenter --target %d --all systemctl poweroff\n", t.Name(), m.leader, m.leader)
		<-m.done //nolint:errcheck // how it ended is of no interest
		return
	}
	if m.leader != 0 {
		// systemd(1): SIGRTMIN+4 is "systemctl poweroff".
		_ = syscall.Kill(m.leader, syscall.Signal(34+4))
	} else {
		_ = m.nspawn.Process.Kill()
	}
	select {
	case <-m.done: //nolint:errcheck // how it ended is of no interest
	case <-time.After(patience):
		t.Error("the machine doesn't power off")
		_ = m.nspawn.Process.Kill()
		<-m.done //nolint:errcheck // it was killed
	}
}

// Command is a command inside the machine, as its root.
func (m *Machine) Command(ctx context.Context, argv ...string) *exec.Cmd {
	// The environment is what a login gives: nothing of the test's belongs there.
	args := []string{
		"--target", strconv.Itoa(m.leader), "--all", "--", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
	}
	return exec.CommandContext(ctx, "nsenter", append(args, argv...)...)
}

// Try runs a command inside and returns both of its outputs as one.
func (m *Machine) Try(t testing.TB, argv ...string) (string, error) {
	t.Helper()
	out, err := m.Command(t.Context(), argv...).CombinedOutput()
	return string(out), err
}

// Run is Try for a command that must succeed. It returns the output without the
// end of the last line.
func (m *Machine) Run(t testing.TB, argv ...string) string {
	t.Helper()
	out, err := m.Try(t, argv...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// Until calls f until it returns nil, and fails the test with its last error if
// that takes some minutes: for what a service does by itself after it started.
func Until(t testing.TB, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("it is still so: %v", err)
		}
		pause(ctx)
	}
}

// Wait runs a command inside until it succeeds and returns its output without the
// end of the last line.
func (m *Machine) Wait(t testing.TB, argv ...string) string {
	t.Helper()
	var out string
	Until(t, func() (err error) {
		if out, err = m.Try(t, argv...); err != nil {
			err = fmt.Errorf("%q: %w\n%s", argv, err, out)
		}
		return err
	})
	return strings.TrimSuffix(out, "\n")
}

// Write puts a file into the root, with its directories.
func (m *Machine) Write(t testing.TB, path, text string, perm fs.FileMode) {
	t.Helper()
	Write(t, m.Root, path, text, perm)
}

// Write puts a file into a root that isn't booted yet, with its directories.
func Write(t testing.TB, root, path, text string, perm fs.FileMode) {
	t.Helper()
	file := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, perm); err != nil {
		t.Fatal(err)
	}
}
