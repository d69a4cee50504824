package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/internal/tree"
)

// helper plays a part of a test in a process of its own.
func helper(part string) int {
	var err error
	switch part {
	case "parent":
		err = helpParent()
	case "terminal":
		err = helpTerminal()
	case "masked":
		err = helpMasked()
	default:
		err = fmt.Errorf("no helper %q", part)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// helperCommand starts this binary as a helper, in dir.
func helperCommand(t *testing.T, part, dir string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append([]string{helperVar + "=" + part}, env...)
	cmd.Dir = dir
	return cmd
}

// helperRun runs a script in the working directory, with the descriptors from 3
// on.
func helperRun(tier Tier, tty bool, script string, extra ...*os.File) (Result, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Result{}, err
	}
	for _, name := range []string{"work", "scratch", "upper", "lower", "copies"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return Result{}, err
		}
	}
	s := New(tier, Options{CopyRoot: os.Getenv("COPIES")})
	defer s.Close()
	return s.Run(context.Background(), Command{
		Argv: []string{"/bin/sh", "-c", script},
		Env:  []string{"PATH=/usr/bin:/bin"},
		Work: "work", WorkPath: testWork, Scratch: "scratch",
		Layers: []Layer{{Prefix: testRuntime, Lowers: []string{"lower"}},
			{Prefix: testBundle, Lowers: []string{"lower"}, Upper: "upper"}},
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles: extra, TTY: tty,
	})
}

// TestUnprivileged runs this package's tests again as an ordinary user.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		return // it is one who runs them already
	}
	const uid = 54321
	dir, err := os.MkdirTemp("/tmp", "sandbox-user-")
	must(t, err)
	t.Cleanup(func() { must(t, tree.RemoveAll(dir)) })
	must(t, os.Chown(dir, uid, uid))
	self, err := os.Executable()
	must(t, err)
	binary := filepath.Join(dir, "sandbox.test")
	must(t, tree.CopyFile(self, binary))
	must(t, os.Chmod(binary, 0o755))

	cmd := exec.Command(binary, "-test.v", "-test.short")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir, "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "--- SKIP") && !strings.Contains(line, "TestUnprivileged") {
			t.Errorf("skipped as an ordinary user: %s", line)
		}
	}
}
