package tarball

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"github.com/envbuild/envbuild/env/view"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/templates"
)

// tool is a program whose first line, text and last line all matter. It has no
// line break at its end.
const tool = "#!" + Prefix + "/runtime/bin/perl -w\nuse strict;\nprint \"$^W @ARGV\\n\", <DATA>;\n__DATA__\nin " + Prefix + "/local and " + Prefix

func padded(tail string) string {
	s := Prefix + tail
	return s + strings.Repeat("/", view.Room-len(s))
}

func sampleEntries(t *testing.T) []tree.Entry {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, []byte(tool), 0o600); err != nil {
		t.Fatal(err)
	}
	return []tree.Entry{
		{Path: Prefix + "/runtime/bin", Kind: tree.Dir},
		{Path: Prefix + "/runtime/bin/perl", Kind: tree.Symlink, Target: "/usr/bin/perl"},
		{Path: Prefix + "/local/bin/tool", Mode: 0o755, Source: source},
		{Path: Prefix + "/local/bin/twin", Kind: tree.Hardlink, Target: Prefix + "/local/bin/tool"},
		{Path: Prefix + "/local/odd name\\n", Mode: 0o644, Content: []byte("at " + Prefix + "\n")},
		{Path: Prefix + "/local/link", Kind: tree.Symlink, Target: Prefix + "/local/bin/tool"},
		{Path: Prefix + "/env.rc", Mode: 0o644, Content: []byte("export WHERE=\"" + Prefix + "/app\"\nexport PATH=\"" + Prefix + "/local/bin:$PATH\"\n")},
		{Path: Prefix + "/app/plain", Mode: 0o600, Content: []byte("plain\n")},
		{Path: Prefix + "/" + strings.Repeat("deep/", 30) + "file", Mode: 0o644, Content: []byte("x")},
	}
}

func binaryEntries() []tree.Entry {
	text := "\x00\x01" + padded("/runtime") + "/lib\x00rest\x00" + padded("/local") + "\x00end"
	return []tree.Entry{
		{Path: Prefix + "/runtime/lib/lib.so", Mode: 0o644, Content: []byte(text)},
		{Path: Prefix + "/runtime/lib/lib.so.1", Kind: tree.Hardlink, Target: Prefix + "/runtime/lib/lib.so"},
	}
}

func write(t *testing.T, entries []tree.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	err := Write(t.Context(), Request{
		Name: "sample-1.0-amd64", Entries: entries, Shell: []string{Prefix + "/env.rc"}, Tails: []string{"/runtime", "/local"}, Time: time.Unix(1e9, 0),
	}, &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPOSIX parses what runs on servers.
func TestPOSIX(t *testing.T) {
	for name, data := range map[string]any{
		templates.Relocate:     map[string]any{"Prefix": Prefix, "Room": view.Room},
		templates.TarballEnvSh: nil,
	} {
		text, err := templates.Render(name, data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(bytes.NewReader(text), name); err != nil {
			t.Error(err)
		}
	}
}

func TestSameBytes(t *testing.T) {
	a, b := sampleEntries(t), sampleEntries(t)
	b[0], b[2] = b[2], b[0]
	if !bytes.Equal(write(t, a), write(t, b)) {
		t.Error("another order gives other bytes")
	}
	if err := Write(t.Context(), Request{Entries: []tree.Entry{{Path: "a\nb", Mode: 0o644}}}, &bytes.Buffer{}); err == nil {
		t.Error("a name with a line break was accepted")
	}
}

// shell is a shell with the programs that its scripts find.
type shell struct {
	argv []string
	path string
}

// shells are those that this machine has. busybox has only its own programs.
func shells(t *testing.T) map[string]shell {
	t.Helper()
	out := map[string]shell{}
	for _, name := range []string{"dash", "bash"} {
		if p, err := exec.LookPath(name); err == nil {
			out[name] = shell{[]string{p}, "/usr/bin:/bin"}
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Log("there is no busybox")
		return out
	}
	dir := t.TempDir()
	for _, applet := range []string{"sh", "sed", "dd", "cp", "mv", "rm", "tr", "wc", "touch", "id", "cat", "readlink", "tar", "gzip"} {
		if err := os.Symlink(busybox, filepath.Join(dir, applet)); err != nil {
			t.Fatal(err)
		}
	}
	out["busybox"] = shell{[]string{busybox, "sh"}, dir}
	return out
}

func (s shell) command(dir string, args ...string) *exec.Cmd {
	args = append(append([]string{}, s.argv...), args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + s.path}
	return cmd
}

// unpack unpacks a tarball into a directory below dir and returns its top directory.
func (s shell) unpack(t *testing.T, data []byte, place string) string {
	t.Helper()
	if err := os.MkdirAll(place, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := s.command(place, "-c", "tar -xzf -")
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	return filepath.Join(place, "sample-1.0-amd64")
}

// places are what people call directories, and worse.
func places() []string {
	return []string{
		"plain", "with space", "a&b|c", `back\slash\n`, "$(date)`x`$HOME", `"double" 'single'`, "-dash", "*?[a]", "ümläut",
		strings.Repeat("long", 40),
	}
}

func TestRelocate(t *testing.T) {
	data := write(t, sampleEntries(t))
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := ""
			for _, place := range places() {
				directory := filepath.Join(t.TempDir(), place)
				if top == "" {
					top = sh.unpack(t, data, directory)
				} else { // moved from where it ran before
					if err := os.Mkdir(directory, 0o755); err != nil {
						t.Fatal(err)
					}
					to := filepath.Join(directory, filepath.Base(top))
					if err := os.Rename(top, to); err != nil {
						t.Fatal(err)
					}
					top = to
				}
				checkPlace(t, sh, top)
			}
		})
	}
}

func checkPlace(t *testing.T, sh shell, top string) {
	t.Helper()
	want := "1 a b c\nin " + top + "/local and " + top
	for _, name := range []string{"tool", "twin"} {
		cmd := sh.command("/", filepath.Join(top, "env.sh"), name, "a", "b c")
		cmd.Env = []string{"PATH=" + sh.path + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %s printed %q, %v; want %q", top, name, out, err, want)
		}
	}
	out, err := sh.command(top, "env.sh", "--", "/bin/sh", "-c", `printf %s "$WHERE"`).CombinedOutput()
	if err != nil || string(out) != top+"/app" {
		t.Errorf("%s: WHERE is %q, %v", top, out, err)
	}
	if text, err := os.ReadFile(filepath.Join(top, "local", "odd name\\n")); err != nil || string(text) != "at "+top+"\n" {
		t.Errorf("%s: the file says %q, %v", top, text, err)
	}
	left, err := exec.Command("grep", "-rlF", "--exclude-dir=.envbuild", "--exclude=relocate", Prefix, top).Output()
	if len(left) > 0 {
		t.Errorf("%s: the prefix is left in %s %v", top, left, err)
	}
}

func TestBinary(t *testing.T) {
	data := write(t, append(sampleEntries(t), binaryEntries()...))
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, err := os.MkdirTemp("/tmp", "eb")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(base) })
			top := filepath.Join(base, "b c")
			if err := os.Rename(sh.unpack(t, data, base), top); err != nil {
				t.Fatal(err)
			}
			if out, err := sh.command(top, "relocate").CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%v %s", err, out)
			}
			checkPlace(t, sh, top)
			for _, name := range []string{"lib.so", "lib.so.1"} {
				text, err := os.ReadFile(filepath.Join(top, "runtime/lib", name))
				pad := func(s string) string { return s + strings.Repeat("/", view.Room-len(s)) }
				want := "\x00\x01" + pad(top+"/runtime") + "/lib\x00rest\x00" + pad(top+"/local") + "\x00end"
				if err != nil || string(text) != want {
					t.Errorf("%s: %q, %v", name, text, err)
				}
			}
			// It has room for no more.
			long := filepath.Join(base, strings.Repeat("x", view.Room))
			if err := os.Rename(top, long); err != nil {
				t.Fatal(err)
			}
			out, err := sh.command(long, "env.sh", "tool").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "runtime/lib/lib.so has room for 56: choose a shorter one") {
				t.Errorf("a path that is too long: %v %s", err, out)
			}
		})
	}
}

// TestRefused tries what can't be, which has to say so.
func TestRefused(t *testing.T) {
	data := write(t, sampleEntries(t))
	ruby := write(t, append(sampleEntries(t), tree.Entry{Path: "local/bin/x", Mode: 0o755, Content: []byte("#!" + Prefix + "/runtime/bin/ruby\n")}))
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				place, message string
				data           []byte
			}{
				{"co:lon", "holds a colon", data},
				{"line\nbreak", "holds a line break", data},
				{"a b", "no first line can name", ruby},
			} {
				top := sh.unpack(t, c.data, filepath.Join(t.TempDir(), c.place))
				cmd := sh.command(top, "env.sh", "tool")
				out, err := cmd.CombinedOutput()
				if err == nil || cmd.ProcessState.ExitCode() != 125 || !strings.Contains(string(out), c.message) {
					t.Errorf("%q: %v %s", c.place, err, out)
				}
			}
		})
	}
}
