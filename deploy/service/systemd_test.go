package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
)

// TestVerify lets systemd read the units. What they start is there.
func TestVerify(t *testing.T) {
	skiptest.Without(t, "systemd-analyze")
	prefix := t.TempDir()
	out := must(t, input(t, spec, Paths{Prefix: prefix, Release: prefix, Current: prefix, Base: prefix}, pkgspec.Systemd))
	units := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, f := range slices.Concat(out.Release, out.System) {
		file := f.Path
		if dir, name := filepath.Split(f.Path); dir == unitDir+"/" {
			file = filepath.Join(units, name)
			args = append(args, strings.Replace(file, "@.", "@1.", 1))
		} else if !strings.HasPrefix(file, prefix) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Content, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+units+":")
	said, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(said)) {
		// Other units of this machine are not ours.
		if strings.Contains(line, "web-notes") || strings.Contains(line, units) {
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// TestSysusers lets systemd-sysusers make the users in an empty root.
func TestSysusers(t *testing.T) {
	skiptest.Without(t, "systemd-sysusers")
	if os.Getuid() != 0 {
		skiptest.Because(t, "only root can make users")
	}
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
		"etc/group":  "root:x:0:\nwww-data:x:33:\nadm:x:4:\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := must(t, input(t, spec, releases(), pkgspec.Systemd))
	i := slices.IndexFunc(out.System, func(f tree.Entry) bool { return f.Path == "/usr/lib/sysusers.d/web-notes.conf" })
	if i < 0 {
		t.Fatal("there is no sysusers.d file")
	}
	file := filepath.Join(root, "web-notes.conf")
	if err := os.WriteFile(file, out.System[i].Content, 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("systemd-sysusers", "--root="+root, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	group, err := os.ReadFile(filepath.Join(root, "etc/group"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"webapp:x:", ":web-notes:/var/lib/web-notes:/usr/sbin/nologin\n", "reporter:x:", ":/var/lib/web-notes-reporter:"} {
		if !strings.Contains(string(passwd), want) {
			t.Errorf("passwd has no %q:\n%s", want, passwd)
		}
	}
	for _, want := range []string{`(?m)^adm:x:4:reporter$`, `(?m)^webapp:x:\d+:(reporter,www-data|www-data,reporter)$`} {
		if !regexp.MustCompile(want).Match(group) {
			t.Errorf("group has no %q:\n%s", want, group)
		}
	}
}
