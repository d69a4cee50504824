package releases

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

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
)

// chroot is a Debian root with real dpkg in which no init runs.
type chroot struct{ dir string }

// newChroot unpacks the root that the demo uses, too.
func newChroot(t *testing.T) chroot {
	t.Helper()
	if os.Geteuid() != 0 {
		skiptest.Because(t, "chroot and dpkg need root")
	}
	tarball, err := exec.Command("../../../.ci/root").Output()
	if err != nil {
		skiptest.Because(t, "no Debian root can be made: %s", errorText(err))
	}
	c := chroot{dir: filepath.Join(t.TempDir(), "root")}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // TempDir's own removal can't see mounts
		if err := unix.Unmount(filepath.Join(c.dir, "proc"), 0); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
	})
	if out, err := exec.Command("tar", "-xf", strings.TrimSpace(string(tarball)), "-C", c.dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	if err := unix.Mount("proc", filepath.Join(c.dir, "proc"), "proc", 0, ""); err != nil {
		skiptest.Because(t, "proc can't be mounted: %v", err)
	}
	null := filepath.Join(c.dir, "dev/null")
	if err := unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil && !errors.Is(err, unix.EEXIST) {
		skiptest.Because(t, "device files can't be made: %v", err)
	}
	return c
}

func errorText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("%v: %s", err, exit.Stderr)
	}
	return err.Error()
}

func (c chroot) path(p string) string { return filepath.Join(c.dir, p) }

func (c chroot) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.dir}
	if path, err := exec.LookPath(filepath.Join(c.dir, "usr/bin", name)); err == nil {
		cmd.Path = strings.TrimPrefix(path, c.dir)
		cmd.Err = nil
	} else if path, err := exec.LookPath(filepath.Join(c.dir, "usr/sbin", name)); err == nil {
		cmd.Path = strings.TrimPrefix(path, c.dir)
		cmd.Err = nil
	}
	return cmd
}

// try runs a command in the root and returns what it printed.
func (c chroot) try(name string, args ...string) (string, error) {
	out, err := c.command(name, args...).CombinedOutput()
	return string(out), err
}

func (c chroot) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := c.try(name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

// sh runs a script in the root.
func (c chroot) sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	return c.must(t, "sh", append([]string{"-euc", script, "sh"}, args...)...)
}

// files lists all that is in the root outside of dpkg's own records.
func (c chroot) files(t *testing.T) string {
	t.Helper()
	return c.sh(t, `find / -xdev \( -path /proc -o -path /var/lib/dpkg -o -path /var/log -o -path /tmp -o -path /var/cache/ldconfig \) -prune -o -print | sort`)
}

// pack makes a package of the release, whose application and bundle are each a
// few files with some text and more, and returns its path in the root.
func (c chroot) pack(t *testing.T, r release.Release, app, bundle string, more ...tree.Entry) string {
	t.Helper()
	parts, err := r.Parts()
	if err != nil {
		t.Fatal(err)
	}
	command, err := r.Script("echo reloaded >>/tmp/reloads")
	if err != nil {
		t.Fatal(err)
	}
	check, err := r.Check()
	if err != nil {
		t.Fatal(err)
	}
	script, err := env.Script(r.Dir() + "/env.rc")
	if err != nil {
		t.Fatal(err)
	}
	at, target := r.BundleLink()
	entries := []tree.Entry{
		{Path: at, Kind: tree.Symlink, Target: target},
		{Path: r.Dir() + "/app/text", Content: []byte(app)},
		{Path: r.Dir() + "/app/only-in-" + app, Content: []byte("x")},
		{Path: r.Dir() + "/env.rc", Content: []byte("export PROJECT_BASE=" + r.Dir() + "/app\n")},
		{Path: r.Dir() + "/env.sh", Mode: 0o755, Content: script},
		{Path: r.Bundle() + "/local/lib.so.1", Mode: 0o755, Content: []byte(bundle)},
		{Path: r.Bundle() + "/local/lib.so", Kind: tree.Symlink, Target: "lib.so.1"},
		{Path: r.Bundle() + "/local/-dash and 'quote", Content: []byte(bundle)},
		{Path: r.Bundle() + "/runtime/empty", Kind: tree.Dir},
		{Path: r.CheckPath(), Mode: 0o755, Content: check},
		{Path: r.CommandPath(), Mode: 0o755, Content: command},
	}
	entries = append(entries, more...)
	for i := range entries {
		entries[i].Path = r.Packaged(entries[i].Path)
	}
	var b bytes.Buffer
	meta := deb.Meta{
		Name: r.Package, Version: r.Version, Arch: "all", Maintainer: "Ops Team <ops@example.org>", Description: "sample",
	}
	err = deb.Write(t.Context(), deb.Request{
		Meta: meta, Entries: entries, SourceDate: sourceDate, Compression: "gzip",
		Scripts: deb.Scripts{PreInst: parts.Aside, PostInst: parts.Place + parts.Collect, PreRm: parts.Withdraw, PostRm: parts.Undo},
	}, &b)
	if err != nil {
		t.Fatal(err)
	}
	name := "/tmp/" + deb.FileName(meta)
	if err := os.WriteFile(c.path(name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}
