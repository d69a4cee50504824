package health

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/system"
	"github.com/envbuild/envbuild/internal/tree"
)

const (
	prefix = "/opt/web-sample"
	secret = "/Q7MVFAnyFZTOVQ7XLZXY79Zn21Mw8DjHrXW8YpU6sAfy9p4sb7EFlWtAw2vgzhC"
)

// check returns what is found, one line for each.
func check(t *testing.T, req Request) []string {
	t.Helper()
	req.System, req.Base, req.Prefixes, req.Forbidden = system.Open("/"), []string{"libc6"}, []string{prefix}, append(req.Forbidden, secret)
	err := Check(t.Context(), req)
	var found Findings
	if err != nil && !errors.As(err, &found) {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		if f.Hint() == "" {
			t.Errorf("no hint: %v", f)
		}
		lines = append(lines, strings.TrimPrefix(f.Error(), prefix+"/"))
	}
	return lines
}

func expect(t *testing.T, req Request, want ...string) {
	t.Helper()
	if got := check(t, req); !slices.Equal(got, want) {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func at(name string) string { return prefix + "/" + name }

func script(name, text string) tree.Entry {
	return tree.Entry{Path: at(name), Mode: 0o755, Content: []byte(text)}
}

func link(name, target string) tree.Entry {
	return tree.Entry{Path: at(name), Kind: tree.Symlink, Target: target}
}

// compiler compiles C for entries.
type compiler struct {
	t   *testing.T
	dir string
}

func newCompiler(t *testing.T) compiler {
	skiptest.Without(t, "cc")
	return compiler{t, t.TempDir()}
}

// compile makes a file of one line of C and gives it a place in the package.
func (c compiler) compile(name, code string, flags ...string) tree.Entry {
	c.t.Helper()
	source := filepath.Join(c.dir, filepath.Base(name)+".c")
	if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
		c.t.Fatal(err)
	}
	e := tree.Entry{Path: at(name), Source: filepath.Join(c.dir, filepath.Base(name)), Mode: 0o755}
	args := append([]string{"-o", e.Source, source, "-Wl,--no-as-needed"}, flags...)
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("cc %q: %v\n%s", args, err, out)
	}
	return e
}

const (
	program = "int main(void) { return 0; }\n"
	library = "int f(void) { return 0; }\n"
)

// shared compiles a library.
func (c compiler) shared(name string) tree.Entry {
	return c.compile(name, library, "-shared", "-fPIC", "-Wl,-soname,"+filepath.Base(name))
}

func TestLibraries(t *testing.T) {
	c := newCompiler(t)
	here := c.shared("lib/libhere.so.1")
	gone := c.shared("lib/libgone.so.1")
	found, err := filepath.Glob("/usr/lib/*/libmpc.so.3")
	if err != nil || len(found) == 0 {
		skiptest.Because(t, "the library of the compiler, libmpc3, is not installed")
	}
	entries := []tree.Entry{
		here,
		c.compile("bin/good", program, here.Source, "-Wl,-rpath,$ORIGIN/../lib", "-lm"),
		c.compile("bin/bad", program, gone.Source, here.Source, "-Wl,-rpath,$ORIGIN/../lib"),
		c.compile("bin/mpc", program, found[0]),
	}
	lost := "bin/bad links to libgone.so.1, which is neither in the package nor on this machine"
	expect(t, Request{Entries: entries}, lost,
		"bin/mpc links to libmpc.so.3 of the Debian package libmpc3, which the spec doesn't declare")
	expect(t, Request{Entries: entries, Declared: []string{"libmpc3"}}, lost)
	expect(t, Request{Entries: entries, Declared: []string{"libmpc-dev", "gcc"}, Beside: []tree.Entry{gone}})
}

func TestSearchPaths(t *testing.T) {
	c := newCompiler(t)
	with := func(name, runpath string, more ...string) tree.Entry {
		return c.compile(name, program, append(more, "-Wl,-rpath,"+runpath)...)
	}
	expect(t, Request{Entries: []tree.Entry{
		{Path: at("open"), Kind: tree.Dir, Mode: 0o777}, link("out", "/usr/local/lib"),
		with("bin/a-good", "$ORIGIN/../lib:"+prefix+"/lib:/usr/lib/x86_64-linux-gnu"),
		with("bin/b-empty", "$ORIGIN::$ORIGIN/x"),
		with("bin/c-tmp", "/tmp/build"),
		with("bin/d-relative", "lib"),
		with("bin/e-absolute", "/home/someone/lib", "-Wl,--disable-new-dtags"),
		with("bin/f-origin", "${ORIGIN}/../../../usr/local/lib"),
		with("bin/g-open", "$ORIGIN/../open"),
		with("bin/h-link", "$ORIGIN/../out"),
	}, Asked: map[string]bool{at("open"): true}, Made: []string{"/usr/local/lib"}},
		"bin/b-empty has an empty RUNPATH, which means the directory in which it is started",
		"bin/c-tmp has the RUNPATH /tmp/build, which everybody can write",
		"bin/d-relative has the RUNPATH lib, which counts from the directory in which it is started",
		"bin/e-absolute has the RPATH /home/someone/lib, which leads out of the package",
		"bin/f-origin has the RUNPATH ${ORIGIN}/../../../usr/local/lib, which leads out of the package",
		"bin/g-open has the RUNPATH $ORIGIN/../open, which everybody can write",
		"bin/h-link has the RUNPATH $ORIGIN/../out, which leads out of the package",
	)
}

func TestLoader(t *testing.T) {
	c := newCompiler(t)
	musl := c.compile("bin/musl", program, "-Wl,--dynamic-linker,/lib/ld-no-such.so.1")
	expect(t, Request{Entries: []tree.Entry{musl}},
		"bin/musl is started by /lib/ld-no-such.so.1, which is neither in the package nor in a declared one")
}

func TestInterpreters(t *testing.T) {
	entries := []tree.Entry{
		script("runtime/bin/perl5", "#!/bin/sh\n"), link("runtime/bin/perl", "perl5"),
		{Path: at("lib/tool"), Content: []byte("x")},
		script("bin/a", "#!"+prefix+"/runtime/bin/perl -w\n"),
		script("bin/b", "#! /bin/sh -e\n"),
		script("bin/c", "#!/usr/bin/env perl\n"),
		script("bin/d", "#!/usr/bin/env -S A=1 perl -w\n"),
		{Path: at("bin/e"), Content: []byte("#!/nowhere/read-by-programs\n")},
		script("bin/f", "#!/usr/local/bin/perl\n"),
		script("bin/g", "#!"+prefix+"/runtime/bin/ruby\n"),
		script("bin/h", "#!/usr/bin/env no-such-program\n"),
		script("bin/i", "#!perl -w\n"),
		script("bin/j", "#!\n"),
		script("bin/k", "#!"+prefix+"/lib/tool\n"),
		script("bin/l", "#!/usr/bin/awk -f\n"), // by a link of update-alternatives
	}
	expect(t, Request{Entries: entries, Path: []string{prefix + "/runtime/bin", "/usr/bin"}},
		`bin/f begins with "#!/usr/local/bin/perl", which is neither in the package nor in a declared one`,
		`bin/g begins with "#!`+prefix+`/runtime/bin/ruby", which isn't in the package`,
		`bin/h begins with "#!/usr/bin/env no-such-program", which is neither in the package nor in a declared one`,
		`bin/i begins with "#!perl -w", which is not an absolute path`,
		`bin/j begins with "#!", which names no interpreter`,
		`bin/k begins with "#!`+prefix+`/lib/tool", which the package has and which isn't executable`,
	)
}

// TestUndeclared looks at what is installed here and is on no server by itself.
func TestUndeclared(t *testing.T) {
	if _, err := os.Stat("/usr/bin/gcc"); err != nil {
		skiptest.Because(t, "gcc is not installed")
	}
	entries := []tree.Entry{script("bin/a", "#!/usr/bin/gcc\n"), link("gcc", "/usr/bin/gcc")}
	expect(t, Request{Entries: entries},
		`bin/a begins with "#!/usr/bin/gcc", which is of the Debian package gcc that the spec doesn't declare`,
		"gcc is a link to /usr/bin/gcc of the Debian package gcc, which the spec doesn't declare")
	expect(t, Request{Entries: entries, Declared: []string{"g++"}}) // which depends on gcc
}

func TestLinks(t *testing.T) {
	expect(t, Request{Entries: []tree.Entry{
		{Path: at("bin/run"), Content: []byte("x")},
		link("a", "bin/run"), link("b", "a"), link("c", prefix+"/bin"), link("d", "c/run"), link("e", "../.."),
		link("f", "/dev/null"), link("g", "/etc/localtime"), link("h", "/bin/sh"), link("i", "var/notes.db"),
		{Path: at("j"), Kind: tree.Hardlink, Target: at("bin/run")},
		link("k", "bin/walk"), link("l", "k"), link("m", "m"), link("n", "/usr/share/no-such"), link("o", "c/walk"),
	}, Made: []string{at("var")}},
		"k is a dead link to bin/walk",
		"l is a dead link to k",
		"m is a link that leads to itself",
		"n is a link to /usr/share/no-such, which is neither in the package nor in a declared one",
		"o is a dead link to c/walk",
	)
}

func TestModes(t *testing.T) {
	req := Request{Entries: []tree.Entry{
		{Path: at("a"), Mode: 0o666}, {Path: at("b"), Mode: 0o755 | fs.ModeSetuid}, {Path: at("c"), Mode: 0o755 | fs.ModeSetgid},
		{Path: at("d"), Kind: tree.Dir, Mode: 0o777 | fs.ModeSticky}, {Path: at("e"), Mode: 0o644}, {Path: at("f"), Kind: tree.Dir},
		link("g", "e"),
	}}
	expect(t, req, "a is world-writable (mode 0666)", "b is setuid (mode 4755)", "c is setgid (mode 2755)", "d is world-writable (mode 1777)")
	req.Asked = map[string]bool{at("a"): true, at("b"): true}
	req.Unchecked = func(p string) bool { return p == at("c") || p == at("d") }
	expect(t, req)
}

func TestBuildPaths(t *testing.T) {
	const store = "/home/someone/.cache/envbuild/outputs"
	big := filepath.Join(t.TempDir(), "big")
	// It lies across the pieces in which the file is read.
	if err := os.WriteFile(big, []byte(strings.Repeat("x", 1<<17-20)+secret+strings.Repeat("x", 1<<17)), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, Request{Forbidden: []string{store}, Entries: []tree.Entry{
		{Path: at("a"), Source: big}, {Path: at("b"), Content: []byte("dir = " + store + "\n")}, {Path: at("c"), Content: []byte("ok")},
		link("d", secret+"/bin"), {Path: at("e" + store), Kind: tree.Dir},
	}, Unchecked: func(p string) bool { return p == at("c") }},
		"a holds "+secret+", a path of the machine that built",
		"b holds "+store+", a path of the machine that built",
		"d is a link to "+secret+"/bin, a path of the machine that built",
		"e"+store+" has "+store+" in its name",
		"d is a link to "+secret+"/bin, which is neither in the package nor in a declared one",
	)
}
