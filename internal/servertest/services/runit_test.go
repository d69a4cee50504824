package services

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/pkgspec"
)

// TestRunitLinks follows the links of runit's services through installations and
// removals: what the administrator took away stays so.
func TestRunitLinks(t *testing.T) {
	t.Parallel()
	skiptest.Without(t, "update-service")
	p := newPlace(t, pkgspec.Runit, false)
	links := filepath.Join(p.dir, "service")
	t.Cleanup(func() {
		left, err := filepath.Glob("/etc/sv/" + p.name + "-*")
		if err == nil && len(left) > 0 && !t.Failed() {
			err = errors.New("purge left " + strings.Join(left, " "))
		}
		for _, dir := range left {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range p.out.System {
		if strings.HasPrefix(f.Path, "/etc/sv/") {
			p.write(t, f.Path, f.Content, f.Mode)
		}
	}
	script := func(text string, args ...string) {
		t.Helper()
		argv := append([]string{"sh", "-euc", text, "script"}, args...)
		if out, err := p.command([]string{"SVDIR=" + links}, argv...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v %s", args, err, out)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		entries, err := os.ReadDir(links)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") { // how update-service notes a removal
				continue
			}
			got = append(got, strings.TrimPrefix(e.Name(), p.name+"-"))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("linked are %q, not %q", got, want)
		}
	}
	scripts := p.out.Scripts
	script(scripts.Activate, "configure", "")
	expect("web", "worker-1", "worker-2")
	if err := os.Remove(filepath.Join(links, p.name+"-worker-1")); err != nil {
		t.Fatal(err)
	}
	script(scripts.Activate, "configure", "1.0")
	expect("web", "worker-2")
	for _, next := range [][]string{{"configure", "1.0"}, {"abort-remove", ""}} {
		script(scripts.PreRm, "remove", "")
		expect()
		script(scripts.Activate, next...)
		expect("web", "worker-2")
	}
	script(scripts.PreRm, "remove", "")
	for _, f := range p.out.System { // as dpkg does
		if strings.HasPrefix(f.Path, "/etc/sv/") {
			if err := os.Remove(f.Path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, dir := range []string{"web", "worker-1", "worker-2"} {
		_ = os.Remove("/etc/sv/" + p.name + "-" + dir + "/control") // the web service's alone
	}
	script(scripts.PostRm, "purge", "")
	if left, err := os.ReadDir(links); err != nil || len(left) > 0 {
		t.Errorf("purge left %v, %v", left, err)
	}
}
