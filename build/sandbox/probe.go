package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/tree"
)

// Probe returns the strongest tier that this machine allows, found by running a
// command in each, strongest first, with its work and its layers in scratch: the
// directory's file system counts too. Where the strongest tier is not available,
// reason is an *UnavailableError that says why, and what would help. A context's
// end is returned as reason, with the tier None.
func Probe(ctx context.Context, scratch string) (tier Tier, reason error) {
	for _, t := range Tiers() {
		err := Try(ctx, t, scratch)
		if err == nil {
			return t, reason
		}
		if ctx.Err() != nil {
			return None, ctx.Err()
		}
		if reason == nil {
			reason = err
		}
	}
	return None, reason
}

// Try runs a command in one tier, as Probe does, and returns nil if that
// works, or an *UnavailableError.
func Try(ctx context.Context, tier Tier, scratch string) (err error) {
	dir, err := os.MkdirTemp(scratch, "probe-")
	if err != nil {
		return unavailable(tier, err)
	}
	defer func() { err = errors.Join(err, tree.RemoveAll(dir)) }()
	if err := try(ctx, tier, dir); err != nil {
		return unavailable(tier, err)
	}
	return nil
}

func try(ctx context.Context, tier Tier, dir string) (err error) {
	directory := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"work", "scratch", "lower", "upper"} {
		if err := os.Mkdir(directory(name), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(directory("lower/below"), []byte("below"), 0o644); err != nil {
		return err
	}
	prefix, work := "/"+strings.Repeat("p", pathLen-1), "/"+strings.Repeat("w", pathLen-1)
	var words bytes.Buffer
	s := New(tier, Options{})
	defer func() { err = errors.Join(err, s.Close()) }()
	res, err := s.Run(ctx, Command{
		Argv:     []string{"/bin/sh", "-c", `read -r x < "$1/below" || [ "$x" = below ] && : > "$1/added"`, "sh", prefix},
		Work:     directory("work"),
		WorkPath: work,
		Layers:   []Layer{{Prefix: prefix, Lowers: []string{directory("lower")}, Upper: directory("upper")}},
		Stdout:   &words,
		Stderr:   &words,
		Scratch:  directory("scratch"),
	})
	if err != nil {
		return err
	}
	if res.ExitCode != 0 {
		return fmt.Errorf("a command exits with %d: %s", res.ExitCode, strings.TrimSpace(words.String()))
	}
	_, err = os.Lstat(directory("upper/added"))
	return err
}

func unavailable(tier Tier, err error) error {
	var stage string
	var setup *SetupError
	if errors.As(err, &setup) {
		stage = setup.Stage
		err = fmt.Errorf("%s: %w", setup.Stage, setup.Err)
	}
	return &UnavailableError{tier, err, remedy(tier, stage, err, readMachine("/proc"))}
}

// machine is what the kernel says about why it refuses namespaces.
type machine struct {
	// apparmor and unprivileged are the sysctls that restrict user namespaces;
	// "" where the kernel has none.
	apparmor, unprivileged, max string
	// seccomp is the filter mode of this process: "2" in most containers.
	seccomp string
}

func readMachine(proc string) machine {
	read := func(name string) string {
		b, _ := os.ReadFile(filepath.Join(proc, name))
		return strings.TrimSpace(string(b))
	}
	return machine{
		apparmor:     read("sys/kernel/apparmor_restrict_unprivileged_userns"),
		unprivileged: read("sys/kernel/unprivileged_userns_clone"),
		max:          read("sys/user/max_user_namespaces"),
		seccomp:      statusField(read("self/status"), "Seccomp"),
	}
}

// statusField returns a field of the text of /proc/PID/status, or "".
func statusField(status, name string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// remedy says in a sentence or two what would make a tier available.
func remedy(tier Tier, stage string, err error, m machine) string {
	const container = "In a container, allow namespaces: 'docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined'."
	refused := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)
	switch {
	case errors.Is(err, syscall.ENOSYS):
		return "The kernel is too old, or built without this; the namespace tiers need Linux 5.12, Landlock 5.19."
	case !tier.mounts() && errors.Is(err, unix.EOPNOTSUPP):
		return "Landlock is off: add it to the kernel's command line, as in lsm=landlock,yama,apparmor."
	case !tier.mounts():
		return "Check that " + os.TempDir() + " can be written and that programs may be run in it."
	case errors.Is(err, syscall.ENOSPC) || m.max == "0":
		return "The user namespaces are used up or none are allowed: 'sysctl -w user.max_user_namespaces=15000' as root."
	case refused && m.apparmor == "1":
		return "AppArmor forbids user namespaces here: 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' as root, or an AppArmor profile with 'userns,' for envbuild."
	case refused && m.unprivileged == "0":
		return "The kernel lets only root make user namespaces: 'sysctl -w kernel.unprivileged_userns_clone=1' as root."
	case stage == "mount /proc":
		return "Parts of this container's /proc are masked. " + container
	case stage == "mount layers":
		return "Overlayfs can't use the cache's file system (it may be an overlay itself, or a network's): put ENVBUILD_CACHE on a local disk or on a volume."
	case refused && m.seccomp == "2":
		return "A system call filter forbids namespaces. " + container
	}
	return "'envbuild doctor' tells what this machine allows."
}
