package env

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestMain runs Exec instead of the tests where a test asks for it, since the
// process is gone when it succeeds.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "exec" {
		err := Exec(os.Args[3:], slices.DeleteFunc(os.Environ(), func(s string) bool { return s == "PATH=unset" }), os.Args[2])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ExitCode(err))
	}
	os.Exit(m.Run())
}

type result struct {
	code           int
	stdout, stderr string
}

func runExec(t testing.TB, environ []string, dir string, argv ...string) result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, environ, append([]string{self, "exec", dir}, argv...)...)
}

func run(t testing.TB, environ []string, argv ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// commands makes a directory with files that can and can't be run.
func commands(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := []struct {
		name, text string
		perm       os.FileMode
	}{
		{"good", "#!/bin/sh\necho good \"$@\"\n", 0o755},
		{"no-x", "#!/bin/sh\n", 0o644},
		{"no-mark", "echo no-mark \"$0\" \"$@\"; exit 3\n", 0o755},
		{"-dash", "echo dash \"$@\"\n", 0o755},
		{"empty", "", 0o755},
		{"binary", "\x7fELF\x00\x00", 0o755},
		{"no-interpreter", "#!/no/such/interpreter\n", 0o755},
		{"second/no-x", "#!/bin/sh\necho second\n", 0o755},
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), f.perm); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"directory", "second/directory"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestExecCodes compares exit codes with those of dash's exec.
func TestExecCodes(t *testing.T) {
	dir := commands(t)
	path := "PATH=" + dir + ":" + dir + "/second:/usr/bin:/bin"
	tests := []struct {
		argv   []string
		code   int
		stdout string
		stderr string // a part
	}{
		{argv: []string{"good", "a b", "*"}, stdout: "good a b *\n"},
		{argv: []string{dir + "/good"}, stdout: "good\n"},
		{argv: []string{"sh", "-c", "exit 7"}, code: 7},
		{argv: []string{"no-mark", "x"}, code: 3, stdout: "no-mark " + dir + "/no-mark x\n"},
		{argv: []string{"-dash", "x"}, stdout: "dash x\n"},
		{argv: []string{"empty"}},
		{argv: []string{"envbuild-no-such-command"}, code: 127, stderr: "command not found"},
		{argv: []string{""}, code: 127, stderr: "command not found"},
		{argv: []string{dir + "/absent"}, code: 127, stderr: "no such file"},
		{argv: []string{dir + "/good/x"}, code: 127, stderr: "not a directory"},
		{argv: []string{"/" + strings.Repeat("x", 300)}, code: 127, stderr: "file name too long"},
		{argv: []string{dir + "/no-x"}, code: 126, stderr: "permission denied"},
		{argv: []string{"no-x"}, stdout: "second\n"},
		{argv: []string{dir + "/directory"}, code: 126, stderr: "is a directory"},
		{argv: []string{"directory"}, code: 126, stderr: "is a directory"},
		{argv: []string{"no-interpreter"}, code: 127, stderr: "its interpreter doesn't exist"},
	}
	for _, tt := range tests {
		got := runExec(t, []string{path}, "", tt.argv...)
		if got.code != tt.code || got.stdout != tt.stdout || !strings.Contains(got.stderr, tt.stderr) {
			t.Errorf("%q: %+v, want %d, %q, %q", tt.argv, got, tt.code, tt.stdout, tt.stderr)
		}
		if tt.argv[0] == "" || tt.argv[0] == "-dash" {
			continue
		}
		if dash := run(t, []string{path}, append([]string{"/bin/dash", "-c", `exec "$@"`, "dash"}, tt.argv...)...); dash.code != got.code {
			t.Errorf("%q: dash gives %d: %s", tt.argv, dash.code, dash.stderr)
		}
	}
	if got := runExec(t, []string{"PATH=" + dir}, "", "no-x"); got.code != 126 {
		t.Errorf("only found without x bit: %+v", got)
	}
	if got := runExec(t, []string{path}, "", "binary"); got.code != 126 || !strings.Contains(got.stderr, "another kind of machine") {
		t.Errorf("binary: %+v", got)
	}
}

func TestExecDirectory(t *testing.T) {
	dir := commands(t)
	if got := runExec(t, []string{"PATH=second::/bin"}, dir, "-dash", "x"); got.stdout != "dash x\n" {
		t.Errorf("empty entry of PATH: %+v", got)
	}
	if got := runExec(t, []string{"PATH=second:/bin"}, dir, "no-x"); got.stdout != "second\n" {
		t.Errorf("relative entry of PATH: %+v", got)
	}
	if got := runExec(t, []string{"PATH=unset"}, dir, "pwd"); got.stdout != dir+"\n" {
		t.Errorf("without PATH: %+v", got)
	}
	if got := runExec(t, nil, dir+"/absent", "pwd"); got.code != CodeFailed {
		t.Errorf("absent directory: %+v", got)
	}
	if got := runExec(t, nil, ""); got.code != CodeFailed {
		t.Errorf("no command: %+v", got)
	}
}

// TestExecReplaces checks that there is no child, that what the caller ignores
// stays ignored, and that limits are the caller's.
func TestExecReplaces(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `trap '' HUP; ulimit -Sn 77; exec "$@"`
	cmd := exec.Command("/bin/sh", "-c", script, "sh", self, "exec", "", "sh", "-c", `ulimit -Sn; kill -HUP $$; echo $$; kill -TERM $$`)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	_ = cmd.Run()
	if want := fmt.Sprintf("77\n%d\n", cmd.Process.Pid); stdout.String() != want {
		t.Errorf("got %q, want %q", stdout.String(), want)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); runtime.GOOS == "linux" && (!ok || status.Signal() != syscall.SIGTERM) {
		t.Errorf("ended by %v", cmd.ProcessState)
	}
}

func TestUnique(t *testing.T) {
	got := unique([]string{"A=1", "B=2", "A=3", "AB=4", "B="})
	if want := []string{"A=1", "B=2", "AB=4"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestExitCode(t *testing.T) {
	err := fmt.Errorf("exec: %w", &CommandError{"x", CodeNotFound, errNotFound})
	if ExitCode(err) != 127 || ExitCode(errors.New("x")) != 125 {
		t.Errorf("%d, %d", ExitCode(err), ExitCode(errors.New("x")))
	}
	var command *CommandError
	if !errors.As(err, &command) || command.Hint() == "" || (&CommandError{"./x", CodeNotFound, errNotFound}).Hint() != "" {
		t.Error("the hint is for names that are searched")
	}
}

func BenchmarkExec(b *testing.B) {
	for b.Loop() {
		runExec(b, nil, "", "/bin/true")
	}
}
