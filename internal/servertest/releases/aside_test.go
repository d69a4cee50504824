package releases

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/release"
	"github.com/envbuild/envbuild/internal/tree"
)

// shape makes two versions of an application in which a directory becomes a symlink,
// and a symlink a directory.
func (c chroot) shape(t *testing.T, more ...tree.Entry) (first, second string) {
	t.Helper()
	one, two := version("1.0-1", "aaa"), version("1.1-1", "bbb")
	file := func(r release.Release, name, text string) tree.Entry {
		return tree.Entry{Path: r.Dir() + "/app/" + name, Content: []byte(text)}
	}
	link := func(r release.Release, name, target string) tree.Entry {
		return tree.Entry{Path: r.Dir() + "/app/" + name, Kind: tree.Symlink, Target: target}
	}
	first = c.pack(t, one, "one", "A", file(one, "vendor/lib", "1"), file(one, "vendor/old", "1"),
		file(one, "thirdparty/lib", "1"), file(one, "assets/a", "1"), link(one, "public", "assets"))
	second = c.pack(t, two, "two", "B", append([]tree.Entry{
		link(two, "vendor", "thirdparty"), file(two, "thirdparty/lib", "2"), file(two, "thirdparty/old", "2"),
		file(two, "assets/a", "2"), file(two, "public/b", "2"),
	}, more...)...)
	return first, second
}

const (
	firstShape = "./assets/a=1 ./only-in-one=x ./public>assets ./text=one ./thirdparty/lib=1 ./vendor/lib=1 ./vendor/old=1"
	nextShape  = "./assets/a=2 ./only-in-two=x ./public/b=2 ./text=two ./thirdparty/lib=2 ./thirdparty/old=2 ./vendor>thirdparty"
)

// expectShape compares the application in a directory below the prefix.
func (c chroot) expectShape(t *testing.T, directory, want string) {
	t.Helper()
	got := c.sh(t, `cd "$1"; find . -type f -o -type l | sort | while read -r f; do
		if [ -L "$f" ]; then echo "$f>$(readlink "$f")"; else echo "$f=$(cat "$f")"; fi; done`, prefix+"/"+directory+"/app")
	if got = strings.Join(strings.Fields(got), " "); got != want {
		t.Fatalf("%s is\n%s\nnot\n%s", directory, got, want)
	}
}

// testDirectoriesAndSymlinks upgrades, installs again, and downgrades across the change.
// dpkg by itself keeps a directory and a symlink that are there, and writes through them
// (policy 6.6).
func testDirectoriesAndSymlinks(t *testing.T, c chroot) {
	first, second := c.shape(t)
	c.must(t, "dpkg", "-i", first)
	for range 2 {
		c.must(t, "dpkg", "-i", second)
		c.expect(t, "two", "B", "1.0-1", "1.1-1")
		c.expectShape(t, "releases/1.1-1", nextShape)
		c.expectShape(t, "releases/1.0-1", firstShape)
	}
	for range 2 {
		c.must(t, "dpkg", "-i", first)
		c.expect(t, "one", "A", "1.1-1", "1.0-1")
		c.expectShape(t, "releases/1.1-1", nextShape)
		c.expectShape(t, "releases/1.0-1", firstShape)
	}
	// Under one version the release's own files are replaced.
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A",
		tree.Entry{Path: version("1.0-1", "aaa").Dir() + "/app/vendor", Kind: tree.Symlink, Target: "assets"}))
	c.expectShape(t, "releases/1.0-1", "./only-in-one=x ./text=one ./vendor>assets")
}

// blocked is a file that dpkg refuses to unpack, after all others, because it
// belongs to another package until remove is called.
func (c chroot) blocked(t *testing.T) (e tree.Entry, remove func()) {
	t.Helper()
	e = tree.Entry{Path: "/usr/share/zzz/blocked", Content: []byte("x")}
	var b bytes.Buffer
	meta := deb.Meta{Name: "blocker", Version: "1", Arch: "all", Maintainer: "Ops Team <ops@example.org>", Description: "sample"}
	if err := deb.Write(t.Context(), deb.Request{Meta: meta, Entries: []tree.Entry{e}, SourceDate: sourceDate, Compression: "gzip"}, &b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.path("/tmp/blocker.deb"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	c.must(t, "dpkg", "-i", "/tmp/blocker.deb")
	return e, func() { c.must(t, "dpkg", "--purge", "blocker") }
}

// testFailedUnpack fails in the middle of the upgrade: all is as it was.
func testFailedUnpack(t *testing.T, c chroot) {
	blocked, remove := c.blocked(t)
	defer remove()
	first, second := c.shape(t, blocked)
	c.must(t, "dpkg", "-i", first)
	inode := c.inode(t, prefix+"/releases/1.0-1/app/vendor/old")
	for range 2 {
		if out, err := c.try("dpkg", "-i", second); err == nil || !strings.Contains(out, "trying to overwrite") {
			t.Fatalf("%v %s", err, out)
		}
		c.expect(t, "one", "A", "1.0-1")
		c.expectShape(t, "package/release", firstShape)
		c.expectShape(t, "releases/1.0-1", firstShape)
	}
	if c.inode(t, prefix+"/releases/1.0-1/app/vendor/old") != inode {
		t.Error("the release's files were touched")
	}
	// A version that was unpacked and not configured is what the next one puts aside,
	// and what comes back.
	_, second = c.shape(t)
	c.must(t, "dpkg", "--unpack", second)
	third := c.pack(t, version("1.2-1", "ccc"), "three", "C", blocked)
	if out, err := c.try("dpkg", "-i", third); err == nil {
		t.Fatalf("dpkg overwrites: %s", out)
	}
	c.expectShape(t, "package/release", nextShape)
	c.expectShape(t, "current", firstShape)
	c.must(t, "dpkg", "--configure", "-a")
	c.expect(t, "two", "B", "1.0-1", "1.1-1")
	c.expectShape(t, "current", nextShape)
}

// testKilledUnpack ends dpkg itself when it has unpacked by half.
func testKilledUnpack(t *testing.T, c chroot) {
	blocked, remove := c.blocked(t)
	defer remove()
	first, second := c.shape(t)
	// killed leaves half of the second version.
	killed := func() {
		c.must(t, "dpkg", "-i", first)
		c.sh(t, `cd /var/lib/dpkg/info; cp web-sample.postrm /tmp/postrm; touch /tmp/strike
			printf '#!/bin/sh\nif [ -e /tmp/strike ]; then rm /tmp/strike; kill -9 $PPID; fi\nexec /tmp/postrm "$@"\n' >web-sample.postrm`)
		if out, err := c.try("dpkg", "-i", second); err == nil {
			t.Fatalf("dpkg wasn't killed: %s", out)
		}
		c.sh(t, `rm -r "$1/package/release/app/public" "$1/package/bundle"`, prefix)
		c.expectShape(t, "current", firstShape)
	}
	killed()
	c.must(t, "dpkg", "-i", second)
	c.expect(t, "two", "B", "1.0-1", "1.1-1")
	c.expectShape(t, "current", nextShape)
	c.expectShape(t, "releases/1.0-1", firstShape)
	// Something else is wrong as well: the whole copy comes back.
	killed()
	if out, err := c.try("dpkg", "-i", c.pack(t, version("1.2-1", "ccc"), "three", "C", blocked)); err == nil {
		t.Fatalf("dpkg overwrites: %s", out)
	}
	c.expectShape(t, "package/release", firstShape)
	c.expectShape(t, "current", firstShape)
	c.must(t, "dpkg", "-i", first)
	c.expectShape(t, "current", firstShape)
	// The administrator has enough of it.
	killed()
	c.must(t, "dpkg", "--remove", "--force-remove-reinstreq", "web-sample")
	if _, err := os.Lstat(c.path(prefix)); err == nil {
		t.Error("remove left " + c.sh(t, `find "$1"`, prefix))
	}
}

// testKilledAside ends the scripts that put the copy aside, and that take it back,
// at each of their commands.
func testKilledAside(t *testing.T, c chroot) {
	blocked, remove := c.blocked(t)
	defer remove()
	first, fails := c.shape(t, blocked)
	c.must(t, "cp", fails, "/tmp/blocked.deb")
	_, second := c.shape(t)
	// The preinst is run from a directory of dpkg's own.
	for _, round := range []struct{ script, deb string }{{"tmp.ci/preinst", second}, {"tmp.ci/postrm", "/tmp/blocked.deb"}} {
		c.must(t, "dpkg", "-i", first)
		func() {
			defer c.standIns(t, round.script)()
			for i := 1; ; i++ {
				for _, when := range []string{"before", "after"} {
					out, killed, err := c.kill(t, when+strconv.Itoa(i), round.deb)
					if !killed {
						if i < 3 {
							t.Errorf("%s has %d commands: %s", round.script, i-1, out)
						}
						return
					}
					if err == nil {
						t.Fatalf("%s was killed %s command %d, and dpkg doesn't mind: %s", round.script, when, i, out)
					}
					c.expectShape(t, "current", firstShape)
					c.must(t, "dpkg", "-i", second)
					c.expect(t, "two", "B", "1.0-1", "1.1-1")
					c.expectShape(t, "current", nextShape)
					c.must(t, "dpkg", "-i", first)
					c.expectShape(t, "package/release", firstShape)
				}
			}
		}()
	}
}

// testMountPoints removes a package whose directories are file systems of their own.
func testMountPoints(t *testing.T, c chroot) {
	for _, directory := range []string{"/bundle", "/releases"} {
		unmount := c.mount(t, prefix+directory, "4m")
		defer func() {
			unmount()
			c.sh(t, `rmdir "$1"; rmdir "${1%/*}" 2>/dev/null || :`, prefix+directory)
		}()
	}
	first := c.pack(t, version("1.0-1", "aaa"), "one", "A")
	c.must(t, "dpkg", "-i", first)
	c.must(t, "dpkg", "--remove", "web-sample")
	if left := c.sh(t, `cd "$1"; find . | sort`, prefix); left != ".\n./bundle\n./releases\n" {
		t.Errorf("left: %s", left)
	}
	c.must(t, "dpkg", "-i", first)
	c.expect(t, "one", "A", "1.0-1")
	c.must(t, "/var/lib/dpkg/info/web-sample.prerm", "remove")
	c.must(t, "/var/lib/dpkg/info/web-sample.postinst", "abort-remove")
	c.expect(t, "one", "A", "1.0-1")
	c.must(t, "dpkg", "--remove", "web-sample")
}

// testRenamed purges what is left of a package whose prefix another one has taken
// over.
func testRenamed(t *testing.T, c chroot) {
	c.must(t, "dpkg", "-i", c.pack(t, version("1.0-1", "aaa"), "one", "A"))
	c.must(t, "dpkg", "--remove", "web-sample")
	renamed := version("1.1-1", "aaa")
	renamed.Package = "web-renamed"
	c.must(t, "dpkg", "-i", c.pack(t, renamed, "two", "A"))
	defer c.must(t, "dpkg", "--purge", "web-renamed")
	c.must(t, "/var/lib/dpkg/info/web-sample.postrm", "purge")
	if got := c.sh(t, `cat "$1/current/app/text" "$1/current/bundle/local/lib.so"`, prefix); got != "twoA" {
		t.Errorf("the other package has %q", got)
	}
	c.must(t, "dpkg", "--purge", "web-sample")
}
