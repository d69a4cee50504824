package releases

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/internal/skiptest"
)

var sourceDate = time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)

const prefix = "/opt/web-sample"

// version is a release of the sample that keeps two.
func version(v, bundle string) release.Release {
	return release.Release{Package: "web-sample", Prefix: prefix, Version: v, BundleID: bundle, Keep: 2}
}

// TestServer follows a package on one server, with real dpkg.
func TestServer(t *testing.T) {
	c := newChroot(t)
	// dpkg removes /opt with the last package in it.
	c.sh(t, "mkdir -p /opt/other; echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe")
	clean := c.files(t)
	purged := func(t *testing.T) {
		t.Helper()
		c.must(t, "dpkg", "--purge", "web-sample")
		if now := c.files(t); now != clean {
			t.Errorf("after purge: %s", difference(clean, now))
		}
		if err := os.RemoveAll(c.path("/tmp/reloads")); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, chroot)
	}{
		{"upgrades", testUpgrades}, {"switching", testSwitching}, {"in use", testInUse}, {"again", testAgain},
		{"downgrade", testDowngrade}, {"other file system", testOtherFileSystem}, {"full disk", testFullDisk},
		{"disk too full to unpack", testFullForDpkg}, {"killed", testKilled}, {"lock", testLock}, {"aborted removal", testAbortedRemoval},
		{"directories and symlinks", testDirectoriesAndSymlinks}, {"failed unpack", testFailedUnpack}, {"killed unpack", testKilledUnpack},
		{"killed aside", testKilledAside}, {"mount points", testMountPoints}, {"renamed", testRenamed},
		{"unable", testUnable},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, c)
			purged(t)
		})
	}
}

func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	for _, l := range now {
		if !slices.Contains(old, l) {
			b.WriteString("\n+ " + l)
		}
	}
	for _, l := range old {
		if !slices.Contains(now, l) {
			b.WriteString("\n- " + l)
		}
	}
	return b.String()
}

// expect compares what stands on the server: the current release's text and its
// bundle's, the releases, and the number of bundles.
func (c chroot) expect(t *testing.T, app, bundle string, releases ...string) {
	t.Helper()
	got := c.sh(t, `cd "$1"; cat current/app/text current/bundle/local/lib.so; echo; ls -1tr releases/*/installed | cut -d/ -f2; echo; ls -A bundle; ls -Ad .[!.]* */.[!.]* package.* 2>/dev/null || :`, prefix)
	want := app + bundle + "\n" + strings.Join(releases, "\n") + "\n\n"
	if rest, ok := strings.CutPrefix(got, want); !ok || strings.Contains(rest, ".") {
		t.Fatalf("on the server:\n%s\nwanted:\n%s", got, want)
	}
	if out := c.must(t, "dpkg", "--verify", "web-sample"); out != "" {
		t.Fatalf("dpkg --verify: %s", out)
	}
}

func (c chroot) bundles(t *testing.T) []string {
	t.Helper()
	return strings.Fields(c.sh(t, `ls "$1/bundle"`, prefix))
}

func (c chroot) inode(t *testing.T, p string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(c.path(p), &st); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	return st.Ino
}

func testUpgrades(t *testing.T, c chroot) {
	first, second, third := version("1.0-1", "aaa"), version("1.1-1", "aaa"), version("1.2-1", "bbb")
	c.must(t, "dpkg", "-i", c.pack(t, first, "one", "A"))
	c.expect(t, "one", "A", "1.0-1")
	c.must(t, "dpkg", "-i", c.pack(t, second, "two", "A"))
	c.expect(t, "two", "A", "1.0-1", "1.1-1")
	if bundles := c.bundles(t); len(bundles) != 1 {
		t.Errorf("bundles %q", bundles)
	}
	lib := second.Bundle() + "/local/lib.so.1"
	if c.inode(t, lib) != c.inode(t, second.Packaged(lib)) {
		t.Error("the bundle is on the disk twice")
	}
	c.must(t, "dpkg", "-i", c.pack(t, third, "three", "B"))
	c.expect(t, "three", "B", "1.1-1", "1.2-1")
	if bundles := c.bundles(t); !slices.Equal(bundles, []string{"aaa", "bbb"}) {
		t.Errorf("bundles %q", bundles)
	}
	c.must(t, "dpkg", "-i", c.pack(t, version("1.3-1", "bbb"), "four", "B"))
	c.expect(t, "four", "B", "1.2-1", "1.3-1")
	if bundles := c.bundles(t); !slices.Equal(bundles, []string{"bbb"}) {
		t.Errorf("bundles %q", bundles)
	}
	c.must(t, "dpkg", "--remove", "web-sample")
	if _, err := os.Lstat(c.path(prefix)); err == nil {
		t.Error("remove left " + c.sh(t, `find "$1"`, prefix))
	}
}

func testSwitching(t *testing.T, c chroot) {
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "bbb"), "two", "B"))
	c.must(t, "web-sample-release", "back")
	c.expect(t, "one", "A", "1.0-1", "1.1-1")
	if out, err := c.try("web-sample-release", "back"); err == nil || !strings.Contains(out, "no release before 1.0-1") {
		t.Errorf("back from the first: %v %s", err, out)
	}
	c.must(t, "web-sample-release", "forward")
	c.expect(t, "two", "B", "1.0-1", "1.1-1")
	if out, err := c.try("web-sample-release", "forward"); err == nil || !strings.Contains(out, "no release after 1.1-1") {
		t.Errorf("forward from the last: %v %s", err, out)
	}
	c.must(t, "web-sample-release", "use", "1.0")
	c.expect(t, "one", "A", "1.0-1", "1.1-1")
	if out, err := c.try("web-sample-release", "use", "1"); err == nil || !strings.Contains(out, "no release 1 on") {
		t.Errorf("use of an unknown release: %v %s", err, out)
	}
	list := c.must(t, "web-sample-release", "list")
	if lines := strings.Split(list, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "1.0-1 ") ||
		!strings.HasSuffix(lines[0], "  current") || !strings.HasPrefix(lines[1], "1.1-1 ") {
		t.Errorf("list\n%s", list)
	}
	if got := c.sh(t, "grep -c reloaded /tmp/reloads"); got != "3\n" {
		t.Errorf("%s reloads", got)
	}
	// A collection after going back keeps what is current, though it is older.
	c.must(t, "dpkg", "-i", c.pack(t, version("1.2-1", "bbb"), "three", "B"))
	c.must(t, "web-sample-release", "use", "1.1-1")
	c.must(t, "dpkg", "-i", c.pack(t, version("1.3-1", "bbb"), "four", "B"))
	c.expect(t, "four", "B", "1.2-1", "1.3-1")
	if out, err := c.try("web-sample-release", "nonsense"); err == nil || !strings.Contains(out, "usage:") {
		t.Errorf("wrong usage: %v %s", err, out)
	}
}

// testUnable refuses to switch to what can't run any more, because a library or its
// runtime is gone.
func testUnable(t *testing.T, c chroot) {
	first := version("1.0-1", "aaa")
	first.Interpreter = "/opt/shared/bin/perl"
	c.sh(t, `mkdir -p /opt/shared/bin; ln -s /bin/sh /opt/shared/bin/perl`)
	c.must(t, "dpkg", "-i", c.pack(t, first, "one", "A"))
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "bbb"), "two", "B"))
	c.must(t, "web-sample-release", "back")
	c.must(t, "web-sample-release", "forward")
	c.sh(t, `rm -r /opt/shared`)
	if out, err := c.try("web-sample-release", "back"); err == nil || !strings.Contains(out, "/opt/shared/bin/perl") ||
		!strings.Contains(out, "1.0-1 can't run here") || !strings.Contains(out, "the current release stays: 1.1-1") {
		t.Errorf("%v %s", err, out)
	}
	c.expect(t, "two", "B", "1.0-1", "1.1-1")
	c.must(t, "web-sample-release", "--force", "back")
	c.expect(t, "one", "A", "1.0-1", "1.1-1")
	// ldd of a root without that library.
	c.sh(t, `printf '#!/bin/sh\necho "	libpq.so.5 => not found"\n' >/usr/sbin/ldd; chmod 755 /usr/sbin/ldd`)
	defer c.sh(t, `rm /usr/sbin/ldd`)
	if out, err := c.try("web-sample-release", "forward"); err == nil || !strings.Contains(out, "libpq.so.5") {
		t.Errorf("%v %s", err, out)
	}
	c.expect(t, "one", "A", "1.0-1", "1.1-1")
}

// running starts a process in the root that says something when it is up and ends
// with its input, which the function that is returned closes.
func (c chroot) running(t *testing.T, name string, args ...string) (end func()) {
	t.Helper()
	cmd := c.command(name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// testInUse has processes in old releases: one whose environment alone tells, one
// that has none any more, and one with an open file in a bundle. The prefix is
// behind a link, so that /proc tells other paths of files.
func testInUse(t *testing.T, c chroot) {
	real := "/srv/the [other] disk"
	c.sh(t, `mkdir -p "$1/releases" "$1/bundle" "$2"; ln -s "$1/releases" "$1/bundle" "$2"`, real, prefix)
	defer c.sh(t, `rm -r "$1"`, real)
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "bbb"), "two", "B"))
	environ := c.running(t, "sh", "-c", prefix+"/releases/1.0-1/env.sh sh -c 'exec 8<&-; echo up; exec cat'")
	named := c.running(t, "sh", "-c", prefix+"/releases/1.1-1/env.sh perl -e '$0 = q(named); $| = 1; print qq(up\\n); <STDIN>'")
	file := c.running(t, "sh", "-c", "exec 5<"+prefix+"/bundle/bbb/local/lib.so.1; echo up; exec cat")
	for _, v := range []string{"1.2-1", "1.3-1", "1.4-1"} {
		c.must(t, "dpkg", "-i", c.pack(t, version(v, "ccc"), "x", "C"))
	}
	c.expect(t, "x", "C", "1.0-1", "1.1-1", "1.3-1", "1.4-1")
	if bundles := c.bundles(t); !slices.Equal(bundles, []string{"aaa", "bbb", "ccc"}) {
		t.Errorf("bundles %q", bundles)
	}
	if list := c.must(t, "web-sample-release", "list"); strings.Count(list, "in use\n") != 2 {
		t.Errorf("list\n%s", list)
	}
	environ()
	c.must(t, "web-sample-release", "collect")
	c.expect(t, "x", "C", "1.1-1", "1.3-1", "1.4-1")
	named()
	c.must(t, "web-sample-release", "collect")
	c.expect(t, "x", "C", "1.3-1", "1.4-1")
	if bundles := c.bundles(t); !slices.Equal(bundles, []string{"bbb", "ccc"}) {
		t.Errorf("bundles %q", bundles)
	}
	file()
	c.must(t, "web-sample-release", "collect")
	if bundles := c.bundles(t); !slices.Equal(bundles, []string{"ccc"}) {
		t.Errorf("bundles %q", bundles)
	}
}

// testAgain installs a version again, as it was, damaged, and with other content.
func testAgain(t *testing.T, c chroot) {
	r := version("1.0-1", "aaa")
	same := c.pack(t, r, "one", "A")
	c.must(t, "dpkg", "-i", same)
	c.must(t, "dpkg", "-i", same)
	c.expect(t, "one", "A", "1.0-1")
	lib := r.Bundle() + "/local/lib.so.1"
	c.sh(t, `cd "$1"; rm local/lib.so; echo damaged >local/lib.so.1; mkdir stray; echo x >stray/file; ln -s / stray/link`, r.Bundle())
	c.must(t, "dpkg", "-i", same)
	c.expect(t, "one", "A", "1.0-1")
	if c.inode(t, lib) != c.inode(t, r.Packaged(lib)) {
		t.Error("the bundle is on the disk twice")
	}
	if _, err := os.Lstat(c.path(r.Bundle() + "/stray")); err == nil {
		t.Error("the stray directory is still there")
	}
	c.must(t, "dpkg", "-i", c.pack(t, r, "other", "A"))
	c.expect(t, "other", "A", "1.0-1")
	if _, err := os.Lstat(c.path(r.Dir() + "/app/only-in-one")); err == nil {
		t.Error("a file of the first is still there")
	}
}

func testDowngrade(t *testing.T, c chroot) {
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "bbb"), "two", "B"))
	c.must(t, "dpkg", "-i", "/tmp/web-sample_1.0-1_all.deb")
	c.expect(t, "one", "A", "1.1-1", "1.0-1")
	c.must(t, "web-sample-release", "back")
	c.expect(t, "two", "B", "1.1-1", "1.0-1")
}

// mount puts a small file system of its own at a directory of the root.
func (c chroot) mount(t *testing.T, at, size string) (unmount func()) {
	t.Helper()
	if err := os.MkdirAll(c.path(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", c.path(at), "tmpfs", 0, "size="+size); err != nil {
		skiptest.Because(t, "tmpfs can't be mounted: %v", err)
	}
	mounted := true
	unmount = func() {
		if mounted {
			mounted = false
			if err := unix.Unmount(c.path(at), 0); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// testOtherFileSystem keeps releases where dpkg's files can't be linked to.
func testOtherFileSystem(t *testing.T, c chroot) {
	for _, directory := range []string{"/bundle", "/releases"} {
		defer c.mount(t, prefix+directory, "4m")()
	}
	first := c.pack(t, version("1.0-1", "aaa"), "one", "A")
	c.must(t, "dpkg", "-i", first)
	c.expect(t, "one", "A", "1.0-1")
	c.must(t, "dpkg", "-i", first)
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "aaa"), "two", "A"))
	c.expect(t, "two", "A", "1.0-1", "1.1-1")
	c.sh(t, `cd "$1/bundle/aaa/local"; echo damaged >lib.so.1; rm lib.so`, prefix)
	c.must(t, "dpkg", "-i", "/tmp/web-sample_1.1-1_all.deb")
	c.expect(t, "two", "A", "1.0-1", "1.1-1")
}

// testFullDisk has no room for the second release.
func testFullDisk(t *testing.T, c chroot) {
	defer c.mount(t, prefix+"/releases", "256k")()
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.sh(t, `dd if=/dev/zero of="$1/releases/fill" bs=4k 2>/dev/null || :`, prefix)
	out, err := c.try("dpkg", "-i", c.pack(t, version("1.1-1", "bbb"), strings.Repeat("two", 30), "B"))
	if err == nil || !strings.Contains(out, "No space left on device") || !strings.Contains(out, "the current release stays: releases/1.0-1") {
		t.Fatalf("%v %s", err, out)
	}
	if got := c.sh(t, `cat "$1/current/app/text" "$1/current/bundle/local/lib.so"`, prefix); got != "oneA" {
		t.Errorf("the old release has %q", got)
	}
	c.sh(t, `rm "$1/releases/fill"`, prefix)
	c.must(t, "dpkg", "--configure", "-a")
	c.expect(t, strings.Repeat("two", 30), "B", "1.0-1", "1.1-1")
}

// testFullForDpkg has no room for what dpkg itself writes. dpkg takes back what it
// did, and the postinst of the version before gets another word.
func testFullForDpkg(t *testing.T, c chroot) {
	unmount := c.mount(t, "/opt", "512k")
	defer unmount()
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "aaa"), "two", "A"))
	c.must(t, "web-sample-release", "back")
	c.sh(t, `dd if=/dev/zero of=/opt/fill bs=4k 2>/dev/null || :`)
	third := c.pack(t, version("1.2-1", "bbb"), strings.Repeat("three", 30), strings.Repeat("B", 100000))
	if out, err := c.try("dpkg", "-i", third); err == nil || !strings.Contains(out, "No space left on device") {
		t.Fatalf("%v %s", err, out)
	}
	c.expect(t, "one", "A", "1.0-1", "1.1-1")
	c.sh(t, `rm /opt/fill`)
	c.must(t, "dpkg", "-i", third)
	c.expect(t, strings.Repeat("three", 30), strings.Repeat("B", 100000), "1.1-1", "1.2-1")
	// By hand, all at once: the package can still be removed.
	c.sh(t, `rm -rf "$1"`, prefix)
	c.must(t, "dpkg", "--purge", "web-sample")
}

// testKilled ends the postinst with SIGKILL before the first and after each command
// of it that changes something. Stand-ins of the commands do it: they come first in the PATH.
func testKilled(t *testing.T, c chroot) {
	defer c.standIns(t, "web-sample.postinst")()
	first := c.pack(t, version("1.0-1", "aaa"), "one", "A")
	second := c.pack(t, version("1.1-1", "bbb"), "two", "B")
	third := c.pack(t, version("1.2-1", "bbb"), "three", "B")
	c.must(t, "dpkg", "-i", first)
	c.must(t, "dpkg", "-i", second)
	for i := 1; ; i++ {
		when := "after"
		if i == 1 {
			when = "before"
		}
		out, killed, err := c.kill(t, when+strconv.Itoa(max(i-1, 1)), third)
		if !killed {
			if err != nil {
				t.Fatalf("%v %s", err, out)
			}
			if i < 10 {
				t.Errorf("only %d commands were counted", i-1)
			}
			return
		}
		if err == nil {
			t.Fatalf("killed %s command %d, and dpkg doesn't mind: %s", when, i, out)
		}
		got := c.sh(t, `cat "$1/current/app/text" "$1/current/bundle/local/lib.so"`, prefix)
		if got != "twoB" && got != "threeB" {
			t.Fatalf("killed %s command %d: the current release has %q\n%s", when, i, got, out)
		}
		c.must(t, "dpkg", "--configure", "-a")
		c.expect(t, "three", "B", "1.1-1", "1.2-1")
		// The release is new again for the next round.
		c.must(t, "web-sample-release", "back")
		c.sh(t, `rm -rf "$1/releases/1.2-1"`, prefix)
	}
}

// testLock starts the command while something holds the lock.
func testLock(t *testing.T, c chroot) {
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "aaa"), "two", "A"))
	dir, err := os.Open(c.path(prefix))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cmd := c.command("web-sample-release", "back")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, err := stderr.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "waiting for another run to end") {
		t.Errorf("%v %s", err, line[:n])
	}
	c.expect(t, "two", "A", "1.0-1", "1.1-1")
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	c.expect(t, "one", "A", "1.0-1", "1.1-1")
	nobody := c.command("web-sample-release", "forward")
	nobody.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	if out, err := nobody.CombinedOutput(); err == nil || !strings.Contains(string(out), "only root") {
		t.Errorf("as nobody: %v %s", err, out)
	}
}

// testAbortedRemoval stops a removal after the prerm, and an upgrade before the
// postinst: what was current stays.
func testAbortedRemoval(t *testing.T, c chroot) {
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	postinst := "/var/lib/dpkg/info/web-sample.postinst"
	c.must(t, "/var/lib/dpkg/info/web-sample.prerm", "remove")
	if _, err := os.Lstat(c.path(prefix + "/current")); err == nil {
		t.Error("prerm left the link")
	}
	c.must(t, postinst, "abort-remove")
	c.expect(t, "one", "A", "1.0-1")
	c.must(t, "dpkg", "-i", c.pack(t, version("1.1-1", "aaa"), "two", "A"))
	c.must(t, "web-sample-release", "back")
	c.must(t, postinst, "abort-upgrade", "1.2-1")
	if got := c.sh(t, `cat "$1/current/app/text"`, prefix); got != "one" {
		t.Errorf("an aborted upgrade switched to %q", got)
	}
	c.must(t, postinst, "triggered", "something")
}
