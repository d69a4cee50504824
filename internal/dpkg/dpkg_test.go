package dpkg

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sampleStatus = `Package: base
Essential: yes
Status: install ok installed
Priority: required
Architecture: all
Version: 1
Depends: libc6 (>= 2.34), gone | other:any

Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.22

Package: web
Status: install ok installed
Priority: optional
Version: 2
Pre-Depends: virtual
Description: x
 Depends: y
Conffiles:
 /etc/web 0123

Package: real
Status: hold ok installed
Version: 3
Provides: virtual (= 1),
 more

Package: libc6
Status: install ok installed
Architecture: i386
Multi-Arch: same
Version: 2.35

Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36

Package: wine32
Status: install ok installed
Architecture: i386
Version: 8

Package: left
Status: deinstall ok config-files
Version: 1

Status: install ok installed
Version: 9
`

// newRoot makes a system of those packages.
func newRoot(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"var/lib/dpkg/status":                sampleStatus,
		"var/lib/dpkg/info/base.list":        "/.\n/bin\n/bin/sh\n/usr/bin/mawk\n",
		"var/lib/dpkg/info/libc6:amd64.list": "/usr/lib\n/usr/lib/libc.so.6\n/usr/share/doc/libc.so.6\n",
		"var/lib/dpkg/info/libc6:i386.list":  "/lib/i386/libc.so.6\n/usr/share/doc/libc.so.6\n",
		"var/lib/dpkg/info/left.list":        "/etc/left.conf",
	} {
		write(t, filepath.Join(root, name), text)
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

func write(t testing.TB, p, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, root string) *Database {
	t.Helper()
	d, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPackages(t *testing.T) {
	d := open(t, newRoot(t))
	var got []string
	for _, p := range d.Packages() {
		got = append(got, p.Name+" "+p.Version)
	}
	want := []string{"base 1", "dpkg 1.22", "web 2", "real 3", "libc6 2.35", "libc6 2.36", "wine32 8"}
	if !slices.Equal(got, want) || d.Architecture() != "amd64" || !slices.Equal(d.Everywhere(), []string{"base"}) {
		t.Errorf("%q of %s, everywhere %q", got, d.Architecture(), d.Everywhere())
	}
	for name, want := range map[string]string{
		"web": "2", "libc6": "2.36", "libc6:amd64": "2.36", "libc6:i386": "2.35", "wine32": "8", "wine32:amd64": "",
		"left": "", "virtual": "", "": "",
	} {
		if p, ok := d.Package(name); p.Version != want || ok != (want != "") {
			t.Errorf("%s: %+v, %v", name, p, ok)
		}
	}
	libc, _ := d.Package("libc6")
	if libc.MultiArch != "same" || libc.Architecture != "amd64" || libc.Status != (Status{"install", "ok", "installed"}) {
		t.Errorf("%+v", libc)
	}
}

func TestNoDatabase(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "dpkg's database") {
		t.Errorf("%v", err)
	}
}

func TestClosure(t *testing.T) {
	d := open(t, newRoot(t))
	for names, want := range map[string]string{
		"": "", "base": "base libc6", "web": "real web", "left": "", "more": "real", "virtual wine32": "real wine32",
	} {
		got := strings.Join(slices.Sorted(maps.Keys(d.Closure(strings.Fields(names)))), " ")
		if got != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
}

func TestOwners(t *testing.T) {
	got, err := open(t, newRoot(t)).Owners([]string{"/bin/sh", "/usr/bin/sh", "/usr/bin/awk", "/lib/libc.so.6", "/loop/x", "/nothing"})
	if err != nil {
		t.Fatal(err)
	}
	base, libc := []Owner{{"base", ""}}, []Owner{{"libc6", "amd64"}}
	want := map[string][]Owner{"/bin/sh": base, "/usr/bin/sh": base, "/usr/bin/awk": base, "/lib/libc.so.6": libc}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v", got)
	}
}

func TestLibraryOwners(t *testing.T) {
	d := open(t, newRoot(t))
	for p, want := range map[string]string{
		"/lib/libc.so.6": "[libc6:amd64]", "/usr/lib/i386/libc.so.6": "[libc6:i386]", "/usr/lib": "[]", "/usr/lib/libx.so.1": "[]",
	} {
		if got, err := d.LibraryOwners(p); fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: %v, %v", p, got, err)
		}
	}
	for name, want := range map[string]string{"libc.so.6": "[libc6:amd64 libc6:i386]", "lib": "[]", "libx.so.1": "[]"} {
		if got, err := d.SonameOwners(name); fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestNoLists(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, statusFile), sampleStatus)
	d := open(t, root)
	owners, err := d.Owners([]string{"/bin/sh"})
	if len(owners) != 0 || err != nil {
		t.Errorf("%v, %v", owners, err)
	}
	if got, err := d.SonameOwners("libc.so.6"); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestInfoPath(t *testing.T) {
	d := newDatabase("/", "")
	for o, want := range map[Owner]string{{"libc6", "amd64"}: infoDir + "/libc6:amd64.symbols", {"gcc", ""}: infoDir + "/gcc.symbols"} {
		if got := d.InfoPath(o, "symbols"); got != want {
			t.Errorf("%v: %s", o, got)
		}
	}
}

// TestLongLines has what a scanner with a bound stumbles over.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("package-of-a-long-list (>= 1), ", 1<<16)
	d := newDatabase("/", "Package: a\nStatus: install ok installed\nDepends: "+long+"b\n"+
		"Conffiles:\n"+strings.Repeat(" /etc/x 0123\n", 1<<12)+"Version: 1\n")
	p, ok := d.Package("a")
	if n := len(p.Depends()); !ok || p.Version != "1" || n != 1<<16+1 {
		t.Errorf("version %q, %d dependencies", p.Version, n)
	}
}

// TestHere reads the database of the system that runs the test.
func TestHere(t *testing.T) {
	d := open(t, "/")
	owners, err := d.SonameOwners("libc.so.6")
	if err != nil || !slices.ContainsFunc(owners, func(o Owner) bool { return o.Name == "libc6" }) {
		t.Errorf("libc.so.6 belongs to %v, %v", owners, err)
	}
	if owners, err := d.SonameOwners("libnothing.so.1"); owners != nil || err != nil {
		t.Errorf("libnothing.so.1 belongs to %v, %v", owners, err)
	}
	if !d.Closure([]string{"libc6-dev"})["libc6"] || d.Closure([]string{"libc6"})["libc6-dev"] {
		t.Error("dependencies of libc6-dev are wrong")
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(sampleStatus)
	f.Add("Package: a\nStatus: install ok installed\nDepends: ,|,(\nProvides: a\n\n\nPackage:\nDepends: :any\n")
	f.Fuzz(func(t *testing.T, status string) {
		d := newDatabase("/nonexistent", status)
		if d.Architecture() != "" && len(d.Packages()) == 0 {
			t.Errorf("the architecture %q of no package", d.Architecture())
		}
		for _, p := range d.Packages() {
			if p.Name == "" || !p.Status.Installed() {
				t.Errorf("%+v", p)
			}
			if _, ok := d.Package(p.Name); !ok && !strings.Contains(p.Name, ":") {
				t.Errorf("%s isn't found", p.Name)
			}
			d.Closure([]string{p.Name})
		}
	})
}

func FuzzLibraries(f *testing.F) {
	f.Add([]byte("/.\n/usr/lib/libx.so.1\n/usr/share/doc/libx.so\n"))
	f.Add([]byte("/lib\n.so\x00"))
	f.Fuzz(func(t *testing.T, list []byte) {
		l := libraries{map[string][]Owner{}, map[string][]Owner{}}
		l.add(Owner{"x", ""}, list)
		for name := range l.byName {
			if name != filepath.Base(name) || !strings.Contains(name, ".so") {
				t.Errorf("the library %q", name)
			}
		}
	})
}

// newLarge makes a system of as many packages as a workstation has.
func newLarge(b *testing.B) string {
	b.Helper()
	root := b.TempDir()
	var status strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&status, "Package: package%d\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: 100\n"+
			"Maintainer: Somebody <somebody@example.org>\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1.%d-1\nDepends: libc6 (>= 2.34), package%d\n"+
			"Conffiles:\n /etc/a 0123456789abcdef\n /etc/b 0123456789abcdef\nDescription: a package\n%s\n", i, i, i/2, strings.Repeat(" of many words that nobody reads\n", 8))
		write(b, filepath.Join(root, infoDir, fmt.Sprintf("package%d:amd64.list", i)),
			fmt.Sprintf("/usr/lib/libpackage%d.so.1\n", i)+strings.Repeat("/usr/share/doc/package/some/file\n", 60))
	}
	write(b, filepath.Join(root, statusFile), status.String())
	return root
}

func BenchmarkOpen(b *testing.B) {
	root := newLarge(b)
	for b.Loop() {
		if _, err := Open(root); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOwners(b *testing.B) {
	d, err := Open(newLarge(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Owners([]string{"/usr/lib/libpackage7.so.1"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLibraries(b *testing.B) {
	d, err := Open(newLarge(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.readLibraries(); err != nil {
			b.Fatal(err)
		}
	}
}
