package rootfs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// newDir makes a system with files and symlinks.
func newDir(t *testing.T) Dir {
	t.Helper()
	dir := t.TempDir()
	for name, target := range map[string]string{
		"bin": "usr/bin", "usr/bin/awk": "/etc/alternatives/awk", "etc/alternatives/awk": "/usr/bin/mawk", "loop": "loop",
		"up": "../../../etc/os-release",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, p); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"usr/bin/mawk", "etc/os-release"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Dir(dir)
}

func TestResolve(t *testing.T) {
	d := newDir(t)
	for p, want := range map[string]string{
		"/": "/", "": "/", "/bin/awk": "/usr/bin/mawk", "/usr/bin/awk": "/usr/bin/mawk", "/usr/../bin": "/usr/bin",
		"/loop/x": "/loop/x", "/nothing/x": "/nothing/x", "/up": "/etc/os-release", "bin/none": "/usr/bin/none",
	} {
		if got := d.Resolve(p); got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
	if got, want := Dir("/").Resolve("/proc/self/../version"), "/proc/version"; filepath.Base(got) != filepath.Base(want) {
		t.Errorf("of the running system: %s", got)
	}
}

func TestReadFile(t *testing.T) {
	d := newDir(t)
	for p, want := range map[string]string{
		"/bin/awk": "usr/bin/mawk", "/up": "etc/os-release", "/none": "", "/loop": "", "/bin/awk/x": "", "/a\x00b": "",
	} {
		got, err := d.ReadFile(p)
		if string(got) != want || err != nil && p != "/loop" {
			t.Errorf("%q: %q, %v", p, got, err)
		}
	}
	if _, err := d.ReadFile("/usr"); err == nil {
		t.Error("a directory was read")
	}
}

func TestGlob(t *testing.T) {
	got, err := newDir(t).Glob("/etc/*")
	if want := []string{"/etc/alternatives", "/etc/os-release"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := Dir("/").Glob("/pro[c]"); err != nil || !slices.Equal(got, []string{"/proc"}) {
		t.Errorf("of the running system: %q, %v", got, err)
	}
}
