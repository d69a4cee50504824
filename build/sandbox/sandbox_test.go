package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
)

// helperVar makes the test binary play a part of a test: its value names which.
const helperVar = "SANDBOX_TEST_HELPER"

func TestMain(m *testing.M) {
	Main()
	if part := os.Getenv(helperVar); part != "" {
		os.Exit(helper(part))
	}
	os.Exit(m.Run())
}

const (
	testRuntime = "/NqVwYS81VP7Hb1DX8pPd5khxE3pyIgKpaUnArl63XykWZeiNNCiia3anXn9k3ks"
	testBundle  = "/u9mI4ROnl89Sm995ytbxAk7jqevt0MLaMRTvetw0tESulEETldq8b8Vw2zbJYAx"
	testWork    = "/yL1aCcTlN99mhWp708DwGw5HqXDgLVXZx3scB8fnvGNx6jvr7SIftRutlZfOjUS"
)

// bench is a place to run commands in one tier.
type bench struct {
	t       testing.TB
	dir     string
	sandbox *Sandbox
	command Command
	output  bytes.Buffer
}

// allowed tries a tier once for all tests.
func allowed(tier Tier) error {
	try, _ := tried.LoadOrStore(tier, sync.OnceValue(func() error {
		return Try(context.Background(), tier, os.TempDir())
	}))
	return try.(func() error)()
}

var tried sync.Map

// newBench skips the test where the machine doesn't allow the tier.
func newBench(t testing.TB, tier Tier) *bench {
	t.Helper()
	dir := t.TempDir()
	if err := allowed(tier); err != nil {
		skiptest.Because(t, "%v", err)
	}
	b := &bench{t: t, dir: dir, sandbox: New(tier, Options{})}
	t.Cleanup(func() {
		// A killed caller leaves overlayfs's directory of mode 000.
		if err := errors.Join(b.sandbox.Close(), tree.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	b.command = Command{
		Env:      []string{"PATH=/usr/bin:/bin"},
		Work:     b.directory("work"),
		WorkPath: testWork,
		Scratch:  b.directory("scratch"),
		Stdout:   &b.output,
		Stderr:   &b.output,
	}
	return b
}

// directory makes a directory below the bench's own and fills it with files, given as
// path and content. A content "-> x" is a symlink to x, "x!" an executable.
func (b *bench) directory(name string, files ...string) string {
	b.t.Helper()
	dir := filepath.Join(b.dir, name)
	must(b.t, os.MkdirAll(dir, 0o755))
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		must(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, ok := strings.CutPrefix(files[i+1], "-> "); ok {
			must(b.t, os.Symlink(target, path))
			continue
		}
		content, executable := strings.CutSuffix(files[i+1], "!")
		mode := os.FileMode(0o644)
		if executable {
			mode = 0o755
		}
		must(b.t, os.WriteFile(path, []byte(content), mode))
	}
	return dir
}

// sh runs a shell script.
func (b *bench) sh(script string) (Result, error) {
	b.output.Reset()
	b.command.Argv = []string{"/bin/sh", "-c", script}
	return b.sandbox.Run(b.t.Context(), b.command)
}

// mustSh runs a shell script that exits with 0 and returns what it printed.
func (b *bench) mustSh(script string) (Result, string) {
	b.t.Helper()
	res, err := b.sh("set -eu\n" + script)
	if err != nil || res.ExitCode != 0 {
		b.t.Fatalf("exit code %d, %v, output:\n%s", res.ExitCode, err, &b.output)
	}
	return res, b.output.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// each runs a test in every tier from the weakest on.
func each(t *testing.T, weakest Tier, test func(t *testing.T, b *bench)) {
	for _, tier := range Tiers() {
		if tier >= weakest {
			t.Run(tier.String(), func(t *testing.T) { test(t, newBench(t, tier)) })
		}
	}
}

func TestExitCode(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		for _, tt := range []struct {
			script string
			code   int
			signal syscall.Signal
		}{
			{"exit 0", 0, 0},
			{"exit 7", 7, 0},
			{"kill -TERM $$", 143, syscall.SIGTERM},
			{"kill -KILL $$", 137, syscall.SIGKILL},
		} {
			res, err := b.sh(tt.script)
			if err != nil || res.ExitCode != tt.code || res.Signal != tt.signal {
				t.Errorf("%s: %+v, %v", tt.script, res, err)
			}
		}
	})
}

func TestUsage(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		res, _ := b.mustSh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
		if res.Duration <= 0 || res.UserCPU+res.SysCPU <= 0 || res.MaxRSS < 100<<10 {
			t.Errorf("%+v", res)
		}
	})
}

func TestCommandCannotStart(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		for name, want := range map[string]error{
			"no-such-command": syscall.ENOENT,
			"/etc/passwd":     syscall.EACCES,
		} {
			b.command.Argv = []string{name}
			_, err := b.sandbox.Run(t.Context(), b.command)
			var start *StartError
			if !errors.As(err, &start) || start.Name != name || start.Hint() == "" {
				t.Errorf("%s: %v", name, err)
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	})
}

// The command's surroundings are the same on every machine.
func TestSurroundings(t *testing.T) {
	each(t, NamespacesNoPID, func(t *testing.T, b *bench) {
		b.command.Env = append(b.command.Env, "A=1")
		defer syscall.Umask(syscall.Umask(0o077))
		_, got := b.mustSh(`
			id -u; id -g; id -un; id -gn
			uname -n
			pwd; umask; ulimit -c; ulimit -n
			env | grep -v -e ^PWD= -e ^_= | sort
			ls /usr/local /tmp /dev/shm; cat /etc/resolv.conf; cat /etc/hosts
			ls -d /home /root /run /var /sys /opt /srv 2>/dev/null || :
			ls /etc | grep -v -e ^ld.so -e ^alternatives
			[ -w /dev/null ] && [ -c /dev/ptmx ] && : > /dev/shm/x && : > /tmp/x && echo writable
			readlink /dev/stdout`)
		want := strings.Join([]string{
			"1000", "1000", "build", "build", "localhost", testWork, "0022", "0", "4096",
			"A=1", "PATH=/usr/bin:/bin", "/dev/shm:", "", "/tmp:", "", "/usr/local:", "127.0.0.1 localhost", "::1 localhost",
			"group", "hosts", "nsswitch.conf", "passwd", "resolv.conf", "writable", "/proc/self/fd/1",
		}, "\n") + "\n"
		if got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestDir(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		b.directory("work", "sub/here", "x")
		for dir, want := range map[string]string{"": "sub", "sub": "here", testWork + "/sub": "here", "/usr/..": ""} {
			b.command.Dir = dir
			if _, got := b.mustSh("ls 2>/dev/null || :"); want != "" && strings.TrimSpace(got) != want {
				t.Errorf("in %q: %q, want %q", dir, got, want)
			}
		}
	})
}

func TestExtraFiles(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		r, w, err := os.Pipe()
		must(t, err)
		defer r.Close()
		b.command.ExtraFiles = []*os.File{r, w}
		_, err = w.WriteString("token\n")
		must(t, err)
		_, got := b.mustSh("read x <&3; echo got $x; echo back >&4; ls /proc/self/fd | tr '\\n' ' '")
		// Descriptor 5 is ls reading the directory.
		if got != "got token\n0 1 2 3 4 5 " {
			t.Errorf("%q", got)
		}
		must(t, w.Close())
		if back, err := io.ReadAll(r); err != nil || string(back) != "back\n" {
			t.Errorf("%q, %v", back, err)
		}
	})
}

// A file that the caller's own parent left open doesn't reach the command.
func TestInheritedFile(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		secret, err := os.Open(filepath.Join(b.directory("home", "secret", "hunter2"), "secret"))
		must(t, err)
		defer secret.Close()
		inherited, err := syscall.Dup(int(secret.Fd())) // without close-on-exec
		must(t, err)
		defer syscall.Close(inherited)
		_, got := b.mustSh("ls /proc/self/fd | tr '\\n' ' '")
		if got != "0 1 2 3 " {
			t.Errorf("%q", got)
		}
	})
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	good := func() Command {
		return Command{Argv: []string{"true"}, Work: dir, WorkPath: testWork, Scratch: dir,
			Layers: []Layer{{Prefix: testRuntime, Lowers: []string{dir}, Upper: dir}}}
	}
	for _, tt := range []struct {
		field  string
		change func(c *Command)
	}{
		{"", func(*Command) {}},
		{"Argv", func(c *Command) { c.Argv = nil }},
		{"Env", func(c *Command) { c.Env = []string{"novalue"} }},
		{"Env", func(c *Command) { c.Env = []string{"=x"} }},
		{"TTY", func(c *Command) { c.TTY = true }},
		{"WorkPath", func(c *Command) { c.WorkPath = "/short" }},
		{"Work", func(c *Command) { c.Work = file }},
		{"Layers[0].Prefix", func(c *Command) { c.Layers[0].Prefix = testWork }},
		{"Layers[0].Prefix", func(c *Command) { c.Layers[0].Prefix = "/a/" + strings.Repeat("x", 61) }},
		{"Layers[0].Lowers", func(c *Command) { c.Layers[0].Lowers = make([]string, MaxLowers+1) }},
		{"Layers[0].Lowers[0]", func(c *Command) { c.Layers[0].Lowers = []string{file} }},
		{"Layers[0].Upper", func(c *Command) { c.Layers[0].Upper = file }},
	} {
		c := good()
		tt.change(&c)
		err := c.check()
		var wrong *CommandError
		if tt.field == "" && err != nil || tt.field != "" && (!errors.As(err, &wrong) || wrong.Field != tt.field) {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
	c := good()
	c.Work = filepath.Join(dir, "absent")
	if err := c.check(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestTierNames(t *testing.T) {
	for _, tier := range Tiers() {
		if got, err := ParseTier(tier.String()); err != nil || got != tier {
			t.Errorf("%v, %v", got, err)
		}
	}
	if _, err := ParseTier("bubblewrap"); err == nil {
		t.Error("no error")
	}
	if got := Tier(9).String(); got != "tier(9)" {
		t.Error(got)
	}
}

// What Run needed for itself is gone.
func TestNothingRemains(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		root, err := os.MkdirTemp("/tmp", "sb-")
		must(t, err)
		defer os.RemoveAll(root)
		b.sandbox = New(b.sandbox.Tier(), Options{CopyRoot: root})
		lower := b.directory("lower", "a", "a")
		b.command.Layers = []Layer{
			{Prefix: testRuntime, Lowers: []string{lower}},
			{Prefix: testBundle, Lowers: []string{lower}, Upper: b.directory("upper")},
		}
		for _, script := range []string{"exit 0", "exit 1", "mkdir -p deep/x $TMPDIR/y; chmod 0 deep/x deep; exit 1"} {
			if _, err := b.sh(script); err != nil {
				t.Error(err)
			}
			must(t, tree.RemoveAll(filepath.Join(b.command.Work, "deep")))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.sandbox.Run(ctx, b.command); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		must(t, b.sandbox.Close())
		for _, dir := range []string{root, b.command.Scratch} {
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s: %v, %v", dir, left, err)
			}
		}
	})
}

func BenchmarkRun(b *testing.B) {
	for _, tier := range Tiers() {
		for _, lowers := range []int{1, 60} {
			b.Run(fmt.Sprintf("%s/lowers=%d", tier, lowers), func(b *testing.B) { benchmarkRun(b, tier, lowers) })
		}
	}
	b.Run("exec", func(b *testing.B) {
		for b.Loop() {
			must(b, exec.Command("/bin/true").Run())
		}
	})
}

func benchmarkRun(b *testing.B, tier Tier, lowers int) {
	bench := newBench(b, tier)
	bench.command.Argv = []string{"/bin/true"}
	layer := Layer{Prefix: testBundle, Upper: bench.directory("upper")}
	for i := range lowers {
		layer.Lowers = append(layer.Lowers, bench.directory(fmt.Sprint("lower", i), fmt.Sprint("f", i), "x"))
	}
	bench.command.Layers = []Layer{layer}
	for b.Loop() {
		if res, err := bench.sandbox.Run(b.Context(), bench.command); err != nil || res.ExitCode != 0 {
			b.Fatal(res, err, bench.output.String())
		}
	}
}

// One sandbox runs several commands at once, which share what they only read.
func TestConcurrent(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		runtime := b.directory("runtime", "self", testRuntime)
		var wg sync.WaitGroup
		for i := range 8 {
			c := b.command
			c.Stdout, c.Stderr = nil, nil
			c.Work = b.directory(fmt.Sprint("work", i))
			upper := b.directory(fmt.Sprint("upper", i))
			c.Layers = []Layer{
				{Prefix: testRuntime, Lowers: []string{runtime}},
				{Prefix: testBundle, Lowers: []string{b.directory(fmt.Sprint("lower", i), "self", testBundle)}, Upper: upper},
			}
			c.Argv = []string{"/bin/sh", "-c", "cat $R/self $B/self > $B/both", "sh"}
			c.Env = append([]string{"R=" + testRuntime, "B=" + testBundle}, c.Env...)
			wg.Go(func() {
				res, err := b.sandbox.Run(t.Context(), c)
				got, readErr := os.ReadFile(filepath.Join(upper, "both"))
				if err := errors.Join(err, readErr); err != nil || res.ExitCode != 0 || string(got) != testRuntime+testBundle {
					t.Errorf("exit code %d, %v, %q", res.ExitCode, err, got)
				}
			})
		}
		wg.Wait()
	})
}
