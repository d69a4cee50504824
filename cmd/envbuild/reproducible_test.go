package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// strangerID is a user and group that no system has.
const strangerID = 54321

// TestReproducible makes the sample's package a second time, with all different
// that may be: by another user with another home, umask, time zone, locale and
// host name, in a weaker sandbox, with a cache that is empty, so that perl is
// built anew, offline, from a copy whose files all have new times. Every output
// and the package are the same, bit by bit. It works in the time that the servers
// of other tests leave.
func TestReproducible(t *testing.T) {
	t.Parallel()
	// perl alone takes 100 s on two idle cores.
	if end, ok := t.Deadline(); testing.Short() || ok && time.Until(end) < 15*time.Minute {
		skiptest.Because(t, "it builds perl anew: allow it 15 minutes with -timeout 45m")
	}
	if os.Geteuid() != 0 {
		skiptest.Because(t, "only root can become another user")
	}
	skiptest.Without(t, "unshare", "setpriv")
	c := sample(t)
	want := debOf(t, c)
	outputs := c.outputs(t)

	e := elsewhere(t, c)
	out := filepath.Join(e.dir, "out")
	e.must(t, "deb", "--offline", "-o", out)
	got := e.outputs(t)
	for _, step := range slices.Sorted(maps.Keys(outputs)) {
		if got[step] != outputs[step] {
			t.Errorf("%s has the output %s, and elsewhere %s", step, outputs[step], got[step])
		}
	}
	made, err := os.ReadFile(filepath.Join(out, filepath.Base(want.Path)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(want.Path)
	if err != nil {
		t.Fatal(err)
	}
	if string(made) != string(first) {
		t.Errorf("the packages differ: %d and %d bytes", len(first), len(made))
	}
}

// elsewhere is a client for a copy of the project with its sources, where
// everything that TestReproducible speaks of is different.
func elsewhere(t *testing.T, c client) client {
	t.Helper()
	// Not below the directory of the tests, which nobody else may enter.
	root, err := os.MkdirTemp("/tmp", "eb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const prepare = `
		umask 022
		mkdir "$2/bin" "$2/home"
		cp "$3" "$2/bin/envbuild"
		umask 077
		mkdir "$2/another"
		cp -R "$1" "$2/another/place"
		cd "$2/another/place"
		rm -rf .envbuild config/env.rc script/env.sh mirror
		envbuild -C "$1" vendor -q "$PWD/vendor" >/dev/null
		find . -exec touch -h {} +
		chown -R "$4:$4" "$2"
		chmod 755 "$2"
	`
	id := strconv.Itoa(strangerID)
	cmd := exec.Command("sh", "-euc", prepare, "sh", c.dir, root, self, id)
	cmd.Env = c.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return client{
		dir: filepath.Join(root, "another", "place"),
		env: []string{
			"PATH=" + filepath.Join(root, "bin") + ":/usr/bin:/bin", "HOME=" + filepath.Join(root, "home"),
			"TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "LANG=tr_TR.UTF-8", "LANGUAGE=tr", "ENVBUILD_SANDBOX=landlock",
		},
		under: []string{
			"nice", "-n", "19", "unshare", "--uts", "sh", "-euc", `echo elsewhere >/proc/sys/kernel/hostname; umask 077; exec "$@"`, "sh",
			"setpriv", "--reuid", id, "--regid", id, "--clear-groups",
		},
	}
}
