package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/skiptest"
)

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	tier, err := Probe(t.Context(), dir)
	if tier != Namespaces || err != nil {
		skiptest.Because(t, "tier %s: %v", tier, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if tier, err := Probe(ctx, dir); tier != None || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", tier, err)
	}
}

// TestProbeMasked probes where parts of /proc are covered, as in a container.
func TestProbeMasked(t *testing.T) {
	if err := Try(t.Context(), Namespaces, t.TempDir()); err != nil {
		skiptest.Because(t, "%v", err)
	}
	cmd := helperCommand(t, "masked", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := string(out); !strings.HasPrefix(got, "namespaces-nopid: sandbox tier namespaces is not available: mount /proc: ") ||
		!strings.Contains(got, "masked") {
		t.Errorf("%s", got)
	}
}

func helpMasked() error {
	if err := maskProc(); err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	tier, reason := Probe(context.Background(), dir)
	var why *UnavailableError
	if !errors.As(reason, &why) {
		return fmt.Errorf("tier %s, reason %w", tier, reason)
	}
	fmt.Printf("%s: %v; %s\n", tier, why, why.Hint())
	return nil
}

// maskProc covers a part of every /proc of this mount namespace. The machine may
// have others than /proc, as long as a root for tests is being made, and the kernel
// is content with one that is whole.
func maskProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); strings.HasPrefix(after, "proc ") && len(fields) > 4 && fields[3] == "/" {
			if err := unix.Mount("tmpfs", fields[4]+"/fs", "tmpfs", unix.MS_RDONLY, ""); err != nil {
				return fmt.Errorf("mask %s: %w", fields[4], err)
			}
		}
	}
	return nil
}

func TestRemedy(t *testing.T) {
	open := machine{max: "15000", seccomp: "0"}
	for _, tt := range []struct {
		tier  Tier
		stage string
		err   error
		m     machine
		want  string
	}{
		{Namespaces, "start the first process", syscall.EPERM, machine{apparmor: "1", max: "9", seccomp: "0"}, "kernel.apparmor_restrict_unprivileged_userns=0"},
		{Namespaces, "start the first process", syscall.EACCES, machine{apparmor: "1", max: "9"}, "kernel.apparmor_restrict_unprivileged_userns=0"},
		{Namespaces, "start the first process", syscall.EPERM, machine{unprivileged: "0", max: "9"}, "kernel.unprivileged_userns_clone=1"},
		{Namespaces, "start the first process", syscall.ENOSPC, open, "user.max_user_namespaces"},
		{Namespaces, "start the first process", syscall.EPERM, machine{max: "0"}, "user.max_user_namespaces"},
		{Namespaces, "start the first process", syscall.EPERM, machine{max: "9", seccomp: "2"}, "seccomp=unconfined"},
		{Namespaces, "mount /proc", syscall.EPERM, open, "masked"},
		{NamespacesNoPID, "mount layers", syscall.EINVAL, open, "ENVBUILD_CACHE"},
		{Namespaces, "show the system's directories", syscall.ENOSYS, open, "Linux 5.12"},
		{Landlock, "ask for Landlock", syscall.EOPNOTSUPP, open, "lsm="},
		{Landlock, "copy what the command is to see", syscall.ENOSPC, open, "can be written"},
		{Namespaces, "set the host name", syscall.EIO, open, "doctor"},
	} {
		err := &SetupError{tt.tier, tt.stage, &os.PathError{Op: "x", Path: "y", Err: tt.err}}
		if got := remedy(tt.tier, tt.stage, err, tt.m); !strings.Contains(got, tt.want) {
			t.Errorf("%s, %v: %s", tt.stage, tt.err, got)
		}
	}
}

func TestReadMachine(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
		"sys/user/max_user_namespaces":                     "0\n",
		"self/status":                                      "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n",
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(proc, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644))
	}
	if got, want := readMachine(proc), (machine{apparmor: "1", max: "0", seccomp: "2"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func FuzzStatusField(f *testing.F) {
	f.Add("Name:\tx\nSeccomp:\t2\n", "Seccomp")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, status, name string) {
		if v := statusField(status, name); v != strings.TrimSpace(v) || !strings.Contains(status, v) {
			t.Errorf("%q", v)
		}
	})
}
