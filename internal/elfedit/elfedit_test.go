package elfedit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

const placeholder = "/Q7MVFAnyFZTOVQ7XLZXY79Zn21Mw8DjHrXW8YpU6sAfy9p4sb7EFlWtAw2vgzhC"

// compile runs gcc on a source and returns the path of what it made.
func compile(t *testing.T, dir, name, source string, args ...string) string {
	t.Helper()
	skiptest.Without(t, "gcc")
	out := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(t.TempDir(), "x.c")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", append([]string{"-o", out, src}, args...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
	return out
}

func library(t *testing.T, args ...string) string {
	t.Helper()
	return compile(t, t.TempDir(), "libx.so", "int answer(void) { return 42; }", append([]string{"-shared", "-fPIC"}, args...)...)
}

func TestReadCompiled(t *testing.T) {
	dir := t.TempDir()
	lib := library(t, "-Wl,-soname,libx.so.1", "-Wl,-rpath,"+placeholder+"/lib")
	info, err := ReadFile(lib)
	if err != nil {
		t.Fatal(err)
	}
	if info.Soname != "libx.so.1" || info.Runpath != placeholder+"/lib" || info.Interp != "" {
		t.Errorf("library: %+v", info)
	}
	prog := compile(t, dir, "prog", `#include <stdio.h>
int answer(void); int main(void) { printf("%d\n", answer()); return 0; }`, lib)
	if info, err = ReadFile(prog); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(info.Needed, "libx.so.1") || !slices.Contains(info.Needed, "libc.so.6") || info.Interp == "" {
		t.Errorf("program: %+v", info)
	}
	glibc := slices.IndexFunc(info.VersionNeeds, func(n VersionNeed) bool { return n.Library == "libc.so.6" })
	if glibc < 0 || !strings.HasPrefix(info.VersionNeeds[glibc].Versions[0], "GLIBC_") {
		t.Errorf("version needs: %+v", info.VersionNeeds)
	}
}

func TestReadOthers(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, content string
		want          error
	}{
		{"empty", "", ErrNotELF},
		{"text", "#!/bin/sh\necho a long enough script\n", ErrNotELF},
		{"magic", "\x7fELF", nil},
		{"header", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03", nil},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path)
		var format *FormatError
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &format) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	static := compile(t, dir, "static", "int main(void) { return 0; }", "-static")
	if info, err := ReadFile(static); err != nil || len(info.Needed) != 0 || info.Interp != "" {
		t.Errorf("static program: %+v, %v", info, err)
	}
	object := compile(t, dir, "x.o", "int a;", "-c")
	if _, err := ReadFile(object); err != nil {
		t.Errorf("object file: %v", err)
	}
}

func TestSetAndRemove(t *testing.T) {
	for name, args := range map[string][]string{
		"runpath":       {"-Wl,--enable-new-dtags"},
		"rpath":         {"-Wl,--disable-new-dtags"},
		"32 bits":       {"-m32", "-nostdlib"},
		"sysv hash":     {"-Wl,--hash-style=sysv"},
		"shared string": {"-Wl,-soname," + "lib"}, // ends the search path, so it shares its bytes
		noSections:      {"-s"},
	} {
		t.Run(name, func(t *testing.T) {
			lib := library(t, append(args, "-Wl,-rpath,"+placeholder+"/lib")...)
			if name == noSections {
				edit(t, lib, dropSections)
			}
			before, err := ReadFile(lib)
			if err != nil {
				t.Fatal(err)
			}
			edit(t, lib, func(f *os.File) error { return setRunpath(f, "$ORIGIN/../lib") })
			info, err := ReadFile(lib)
			if err != nil || info.Runpath+info.Rpath != "$ORIGIN/../lib" || info.Soname != before.Soname {
				t.Fatalf("after set: %+v, %v", info, err)
			}
			noTrace(t, lib, placeholder[:40])
			edit(t, lib, func(f *os.File) error { return setRunpath(f, "") })
			if info, err = ReadFile(lib); err != nil || info.Runpath+info.Rpath != "" || info.Soname != before.Soname {
				t.Fatalf("after removal: %+v, %v", info, err)
			}
			noTrace(t, lib, "ORIGIN")
			edit(t, lib, func(f *os.File) error {
				changed, err := EditRunpath(f, func(string) string { return "x" })
				if changed {
					t.Error("a value is set without an entry")
				}
				return err
			})
		})
	}
}

// setRunpath gives every search path of a file the value, or removes it.
func setRunpath(f *os.File, value string) error {
	_, err := EditRunpath(f, func(string) string { return value })
	return err
}

const noSections = "no sections"

// dropSections does what the linker's -z nosectionheader does, which is younger
// than Debian 12, to a file of 64 bits.
func dropSections(f *os.File) error {
	for _, field := range []struct{ offset, size int }{{0x28, 8}, {0x3c, 2}, {0x3e, 2}} { // e_shoff, e_shnum, e_shstrndx
		if _, err := f.WriteAt(make([]byte, field.size), int64(field.offset)); err != nil {
			return err
		}
	}
	return nil
}

func edit(t *testing.T, path string, do func(*os.File) error) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func noTrace(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(text)) {
		t.Errorf("%s holds %q", path, text)
	}
}

func TestRelative(t *testing.T) {
	const other = "/slRbpwOtcDPCELbOpyh2qC2ljtSKYZXVYXk5jAKfiDVGwHWK6k3SU0wmkgQSq4S"
	for _, c := range []struct{ old, dir, want string }{
		{"", ".", ""},
		{placeholder, ".", "$ORIGIN"},
		{placeholder + "/", "bin", "$ORIGIN/.."},
		{placeholder + "/lib", "bin", "$ORIGIN/../lib"},
		{placeholder + "/lib/../lib/", "lib", "$ORIGIN"},
		{placeholder + "/lib", "lib/perl5/auto/X", "$ORIGIN/../../.."},
		{placeholder + "x/lib", "bin", placeholder + "x/lib"},
		{placeholder + "/../lib", "bin", ""}, // that is /lib
		{other + "/lib:" + placeholder + "/lib", "lib", other + "/lib:$ORIGIN"},
		{"/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib:/lib/arm-linux-gnueabihf/", "bin", ""},
		{"/usr/lib/mysql:/usr/local/lib", "bin", "/usr/lib/mysql:/usr/local/lib"},
		{":" + placeholder + "/lib::" + placeholder + "/lib/", "bin", "$ORIGIN/../lib"},
		{"$ORIGIN/../lib:" + placeholder + "/lib", "bin", "$ORIGIN/../lib"},
		{"blib/arch", "bin", "blib/arch"},
	} {
		if got := Relative(c.old, c.dir, placeholder); got != c.want {
			t.Errorf("Relative(%q, %q) = %q, want %q", c.old, c.dir, got, c.want)
		}
	}
}

// TestFixTree moves a tree to another place and runs the program in it.
func TestFixTree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	lib := compile(t, dir, "lib/deep/libx.so", "int answer(void) { return 42; }", "-shared", "-fPIC", "-Wl,-rpath,/usr/lib/x86_64-linux-gnu")
	prog := compile(t, dir, "bin/prog", `int answer(void); int main(void) { return answer(); }`,
		"-L"+filepath.Dir(lib), "-lx", "-Wl,-rpath,"+placeholder+"/lib/deep:/usr/lib")
	if err := os.Link(prog, filepath.Join(dir, "bin/second")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"bin/script": "#!/bin/sh\n", "lib/broken.so": "\x7fELF\x02\x01 and no more"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("prog", filepath.Join(dir, "bin/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(lib, 0o555); err != nil {
		t.Fatal(err)
	}
	changes, err := FixTree(dir, placeholder)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{"bin/prog", placeholder + "/lib/deep:/usr/lib", "$ORIGIN/../lib/deep"},
		{"lib/deep/libx.so", "/usr/lib/x86_64-linux-gnu", ""},
	}
	if !slices.Equal(changes, want) {
		t.Errorf("changes %+v", changes)
	}
	if fi, err := os.Stat(lib); err != nil || fi.Mode() != 0o555 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := exec.Command(filepath.Join(moved, "bin/second")).Run(); !errors.As(err, &exit) || exit.ExitCode() != 42 {
		t.Errorf("the moved program: %v", err)
	}
	if again, err := FixTree(moved, placeholder); err != nil || len(again) != 0 {
		t.Errorf("a second time: %v, %v", again, err)
	}
}

func TestFixTreeHardlinksApart(t *testing.T) {
	dir := t.TempDir()
	lib := compile(t, dir, "a/libx.so", "int a;", "-shared", "-fPIC", "-Wl,-rpath,"+placeholder+"/lib")
	if err := os.MkdirAll(filepath.Join(dir, "b/c"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(lib, filepath.Join(dir, "b/c/libx.so")); err != nil {
		t.Fatal(err)
	}
	if _, err := FixTree(dir, placeholder); err == nil || !strings.Contains(err.Error(), "a/libx.so") {
		t.Errorf("error %v", err)
	}
}
