package installed

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newRoot makes a system of four packages.
func newRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"var/lib/dpkg/status": `Package: base
Essential: yes
Status: install ok installed
Priority: required
Version: 1
Depends: libc6 (>= 2.34), gone | other:any

Package: web
Status: install ok installed
Priority: optional
Version: 2
Pre-Depends: virtual
Description: x
 Depends: y

Package: real
Status: hold ok installed
Version: 3
Provides: virtual (= 1), more

Package: libc6
Status: install ok installed
Version: 2.36

Package: left
Status: deinstall ok config-files
Version: 1
`,
		"var/lib/dpkg/info/base.list":        "/.\n/bin\n/bin/sh\n/usr/bin/mawk\n",
		"var/lib/dpkg/info/libc6:amd64.list": "/usr/lib/libc.so.6\n",
	} {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"bin": "usr/bin", "lib": "usr/lib", "usr/bin/awk": "/etc/alternatives/awk", "etc/alternatives/awk": "/usr/bin/mawk", "loop": "loop",
	} {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, p); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestClosure(t *testing.T) {
	s, err := Open(newRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for names, want := range map[string]string{
		"": "base libc6", "web": "base libc6 real web", "left": "base libc6", "more": "base libc6 real",
	} {
		got := strings.Join(slices.Sorted(maps.Keys(s.Closure(names))), " ")
		if got != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
	if p, ok := s.Package("real"); !ok || p.Version != "3" {
		t.Errorf("%+v %v", p, ok)
	}
}

func TestOwners(t *testing.T) {
	s, err := Open(newRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Owners([]string{"/bin/sh", "/usr/bin/sh", "/usr/bin/awk", "/lib/libc.so.6", "/loop/x", "/nothing"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"/bin/sh": {"base"}, "/usr/bin/sh": {"base"}, "/usr/bin/awk": {"base"}, "/lib/libc.so.6": {"libc6"}}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v", got)
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a | b (>= 1), c:any, d(= 2) ,": "a b c d", " \n e": "e",
	} {
		if got := strings.Join(Names(in), " "); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
