package shlibs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/system"
)

const sampleSymbols = `# a comment
libx.so.1 libx1 #MINVER#
| libx1 #MINVER#, libx-abi (= 2)
| #PACKAGE# (>= 3.0) | libx1-compat #MINVER#
* Build-Depends-Package: libx-dev
 LIBX_1@LIBX_1 1.0
 open_x@LIBX_1 1.0
 close_x@LIBX_1 1.2
 private_x@LIBX_PRIVATE 1.2 1
 other_x@LIBX_1 1.4 2
#MISSING: 1.1# gone_x@LIBX_1 1.0
 (arch=amd64|optional)tagged_x@LIBX_1 0.9
 (c++)"X::open(int, char*)@Base" 1.5
 (regex)"^x_.*@LIBX_1$" 1.6
 (symver)LIBX_2 2.0
 *@LIBX_3 3.0
 (optional)"quoted x"@LIBX_1 1.3
 noversion@LIBX_1
liby.so.2 liby2
 y@Base 0
`

func TestParseSymbols(t *testing.T) {
	libs, err := parseSymbols(strings.NewReader(sampleSymbols), "libx1")
	if err != nil {
		t.Fatal(err)
	}
	x := libs["libx.so.1"]
	templates := []string{"libx1 #MINVER#", "libx1 #MINVER#, libx-abi (= 2)", "libx1 (>= 3.0) | libx1-compat #MINVER#"}
	if !slices.Equal(x.templates, templates) {
		t.Errorf("templates %q", x.templates)
	}
	want := map[string]symbol{
		"LIBX_1@LIBX_1": {"1.0", 0}, "open_x@LIBX_1": {"1.0", 0}, "close_x@LIBX_1": {"1.2", 0},
		"private_x@LIBX_PRIVATE": {"1.2", 1}, "other_x@LIBX_1": {"1.4", 2}, "tagged_x@LIBX_1": {"0.9", 0},
		"quoted x@LIBX_1": {"1.3", 0},
	}
	if len(x.symbols) != len(want) {
		t.Errorf("symbols %v", x.symbols)
	}
	for name, s := range want {
		if x.symbols[name] != s {
			t.Errorf("%s: %v, want %v", name, x.symbols[name], s)
		}
	}
	if got := x.smallest(); got != "0.9" {
		t.Errorf("smallest %q", got)
	}
	if y := libs["liby.so.2"]; y == nil || y.smallest() != "0" || !slices.Equal(y.templates, []string{"liby2"}) {
		t.Errorf("liby %+v", y)
	}
}

func TestParseShlibs(t *testing.T) {
	const file = "# libz 1 no\nlibz 1 zlib1g (>= 1:1.2)\nudeb: libz 1 zlib1g-udeb\ndeb: libz 1 zlib1g\n" +
		"libdb 5.3 libdb5.3, extra (= 1)\nlibnone 2\nbad\nudeb: libu 1 libu1-udeb\n"
	for _, c := range []struct {
		soname, want string
		ok           bool
	}{
		{"libz.so.1", "zlib1g", true},
		{"libdb-5.3.so", "libdb5.3, extra (= 1)", true},
		{"libnone.so.2", "", true},
		{"libz.so.2", "", false},
		{"libu.so.1", "", false},
		{"module.so", "", false},
	} {
		got, ok, err := parseShlibs(strings.NewReader(file), c.soname)
		if got != c.want || ok != c.ok || err != nil {
			t.Errorf("%s: %q, %v, %v", c.soname, got, ok, err)
		}
	}
}

// root is a small Debian system with one package, libx1.
func root(t *testing.T) (dir, program, lib string) {
	t.Helper()
	skiptest.Without(t, "gcc")
	dir = t.TempDir()
	write(t, dir, "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
	write(t, dir, "etc/ld.so.conf.d/x.conf", "# directories\n/usr/lib/x # of x\n")
	write(t, dir, "src/x.c", "int open_x(void){return 1;} int private_x(void){return 2;}")
	write(t, dir, "src/x.map", "LIBX_1 { open_x; }; LIBX_PRIVATE { private_x; };")
	write(t, dir, "src/main.c", "int open_x(void); int private_x(void); int main(void){return open_x()+private_x();}")
	write(t, dir, "usr/lib/x/keep", "")
	lib = filepath.Join(dir, "usr/lib/x/libx.so.1.0")
	program = filepath.Join(dir, "src/main")
	gcc(t, filepath.Join(dir, "src"), "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libx.so.1", "-Wl,--version-script,x.map", "-o", lib, "x.c")
	gcc(t, filepath.Join(dir, "src"), "-nostdlib", "-Wl,-e,main", "-o", program, "main.c", lib)
	if err := os.Symlink("libx.so.1.0", filepath.Join(dir, "usr/lib/x/libx.so.1")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "var/lib/dpkg/status", "")
	write(t, dir, "var/lib/dpkg/info/libx1.list", "/.\n/usr\n/usr/lib/x/libx.so.1.0\n/usr/lib/x/libx.so.1\n")
	return dir, program, lib
}

func gcc(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("gcc", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func relations(t *testing.T, dir string, private []string, files ...ELF) string {
	t.Helper()
	deps, err := Depends(system.Open(dir), files, private)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range deps {
		out = append(out, d.Relation)
	}
	return strings.Join(out, ", ")
}

func TestDependsOrder(t *testing.T) {
	dir, program, _ := root(t)
	main := ELF{Path: "/opt/a/bin/main", Source: program}
	const info = "var/lib/dpkg/info/"
	for _, c := range []struct{ file, content, want string }{
		{"", "", "libx1"}, // undocumented: the owner itself
		{"etc/dpkg/shlibs.default", "libx 1 from-default", "from-default"},
		{info + "libx1.shlibs", "libx 1 libx1 (>= 1), libx-data", "libx-data, libx1 (>= 1)"},
		{"etc/dpkg/shlibs.override", "libx 1 from-override", "from-override"},
		{info + "libx1.symbols", sampleSymbols, "libx-abi (= 2), libx1 (>= 1.2)"},
		{"etc/dpkg/symbols/libx1.symbols", "libx.so.1 #PACKAGE# #MINVER#\n open_x@LIBX_1 7\n", "libx1 (>= 7)"},
	} {
		if c.file != "" {
			write(t, dir, c.file, c.content)
		}
		if got := relations(t, dir, nil, main); got != c.want {
			t.Errorf("with %s: %q, want %q", c.file, got, c.want)
		}
	}
}

func TestDependsInside(t *testing.T) {
	dir, program, lib := root(t)
	write(t, dir, "var/lib/dpkg/info/libx1.shlibs", "libx 1 libx1")
	relative := filepath.Join(dir, "src/relative")
	gcc(t, filepath.Join(dir, "src"), "-nostdlib", "-Wl,-e,main", "-Wl,-rpath,$ORIGIN/../lib", "-o", relative, "main.c", lib)
	ours := ELF{Path: "/opt/a/lib/libx.so.1.0", Source: lib, Links: []string{"/opt/a/lib/libx.so.1"}}
	script := ELF{Path: "/opt/a/bin/script", Source: filepath.Join(dir, "etc/ld.so.conf")}
	for _, c := range []struct {
		name    string
		private []string
		program string
		want    string
	}{
		{"the system's comes first", nil, program, "libx1"},
		{"a private directory", []string{"/opt/a/lib"}, program, ""},
		{"its own search path", nil, relative, ""},
	} {
		if got := relations(t, dir, c.private, ELF{Path: "/opt/a/bin/main", Source: c.program}, ours, script); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestDependsUnknown(t *testing.T) {
	dir, program, lib := root(t)
	if err := os.Remove(filepath.Join(dir, "var/lib/dpkg/info/libx1.list")); err != nil {
		t.Fatal(err)
	}
	main := ELF{Path: "/opt/a/bin/main", Source: program}
	var missing *LibraryError
	if _, err := Depends(system.Open(dir), []ELF{main}, nil); !errors.As(err, &missing) || missing.Found != "/usr/lib/x/libx.so.1" {
		t.Errorf("of no package: %v", err)
	}
	if err := os.Rename(lib, filepath.Join(dir, "src/libx.so.1")); err != nil {
		t.Fatal(err)
	}
	_, err := Depends(system.Open(dir), []ELF{main}, nil)
	if !errors.As(err, &missing) || missing.Soname != "libx.so.1" || missing.File != main.Path || missing.Found != "" || missing.Hint() == "" {
		t.Errorf("missing: %v", err)
	}
}

func TestArch(t *testing.T) {
	_, program, lib := root(t)
	files := []ELF{{Path: "/a", Source: program}, {Path: "/b", Source: lib}, {Path: "/c", Source: "shlibs_test.go"}}
	skiptest.Without(t, "dpkg")
	want, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Arch(files); err != nil || got != strings.TrimSpace(string(want)) {
		t.Errorf("%q, %v", got, err)
	}
	alien := filepath.Join(t.TempDir(), "alien")
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	b[18], b[19] = 183, 0 // aarch64
	if err := os.WriteFile(alien, b, 0o644); err != nil {
		t.Fatal(err)
	}
	var mixed *ArchError
	if _, err := Arch(append(files, ELF{Path: "/alien", Source: alien})); !errors.As(err, &mixed) || mixed.File != "/alien" {
		t.Errorf("mixed: %v", err)
	}
}

func FuzzParseSymbols(f *testing.F) {
	f.Add(sampleSymbols)
	f.Add("libx.so.1 libx1\n (")
	f.Add("a b\n (c++)\"x 1 99999999999999999999\n| \n")
	f.Fuzz(func(t *testing.T, text string) {
		libs, err := parseSymbols(strings.NewReader(text), "p")
		if err != nil {
			return
		}
		for _, l := range libs {
			l.smallest()
			for _, s := range l.symbols {
				l.dependency(s)
			}
		}
	})
}

func FuzzParseShlibs(f *testing.F) {
	f.Add("deb: libz 1 zlib1g\n", "libz.so.1")
	f.Add("libdb 5.3 libdb5.3", "libdb-5.3.so")
	f.Fuzz(func(t *testing.T, text, soname string) {
		if depends, ok, _ := parseShlibs(strings.NewReader(text), soname); !ok && depends != "" {
			t.Errorf("dependencies %q of nothing", depends)
		}
	})
}

func FuzzParseLoaderConf(f *testing.F) {
	f.Add("include /etc/ld.so.conf.d/*.conf\n/usr/local/lib # ours\nhwcap 1 x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range parseLoaderConf(text) {
			if e.path == "" || !e.include && e.path[0] != '/' {
				t.Errorf("%+v", e)
			}
		}
	})
}
