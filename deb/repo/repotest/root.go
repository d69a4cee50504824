package repotest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// Root is a Debian root with real apt and dpkg.
type Root struct{ dir string }

// NewRoot unpacks a minimal root of a Debian release, which .ci/root makes.
func NewRoot(t testing.TB, codename string) Root {
	t.Helper()
	if os.Geteuid() != 0 {
		skiptest.Because(t, "chroot and dpkg need root")
	}
	script, err := findUp(".ci/root")
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(script, codename)
	cmd.Stderr = &stderr
	tarball, err := cmd.Output()
	if err != nil {
		skiptest.Because(t, "no root of %s can be made: %v: %s", codename, err, stderr.String())
	}
	r := Root{dir: filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xf", strings.TrimSpace(string(tarball)), "-C", r.dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		err := unix.Mknod(r.Path("dev/"+name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor)))
		if err != nil && !errors.Is(err, unix.EEXIST) {
			skiptest.Because(t, "device files can't be made: %v", err)
		}
		if err := os.Chmod(r.Path("dev/"+name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Only what a test names is a source, and nothing of a test is written to the
	// disk for good.
	r.Write(t, "etc/apt/sources.list", "")
	r.Write(t, "etc/dpkg/dpkg.cfg.d/tests", "force-unsafe-io\n")
	r.Write(t, "etc/apt/apt.conf.d/tests", "Dpkg::Use-Pty \"0\";\n")
	others, err := filepath.Glob(r.Path("etc/apt/sources.list.d/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range others {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// findUp finds a file of the project from a package's directory.
func findUp(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("there is no %s above the working directory", name)
		}
		dir = filepath.Dir(dir)
	}
}

// Path is where a file of the root is.
func (r Root) Path(name string) string { return filepath.Join(r.dir, name) }

// Write writes a file of the root.
func (r Root) Write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.Path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Path(name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Run runs a command in the root and returns all that it printed.
func (r Root) Run(name string, args ...string) (string, error) {
	cmd := &exec.Cmd{
		Path: "/usr/bin/" + name, Args: append([]string{name}, args...), Dir: "/",
		Env:         []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"},
		SysProcAttr: &syscall.SysProcAttr{Chroot: r.dir},
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Must is Run for what has to succeed without a warning.
func (r Root) Must(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := r.Run(name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "W:") || strings.HasPrefix(line, "E:") || strings.HasPrefix(line, "gpgv:") {
			t.Errorf("%s %q: %s", name, args, line)
		}
	}
	return out
}

// Version is the version of a package that is installed, or "".
func (r Root) Version(name string) string {
	out, err := r.Run("dpkg-query", "-W", "-f", "${Version}", name)
	if err != nil {
		return ""
	}
	return out
}
