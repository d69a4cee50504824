package sandbox

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// daemons starts processes that hold descriptor 3 open and don't want to die:
// in other sessions, orphaned, deaf to signals. The last line on descriptor 4
// says that they run.
const daemons = `
	trap '' TERM HUP INT
	setsid sh -c 'trap "" TERM HUP INT; sleep 1000 & sleep 1000' &
	(setsid sh -c '(setsid sleep 1000 &) ; sleep 1000' &)
	(sleep 1000 &)
	echo started >&4
	exec 4>&-
`

// pipes returns a pipe of which the command holds the write end, as long as
// one of its processes lives, and one on which it says that it has started.
func pipes(t *testing.T) (alive, said *os.File, extra []*os.File) {
	t.Helper()
	alive, aliveW, err := os.Pipe()
	must(t, err)
	said, saidW, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { alive.Close(); said.Close() })
	return alive, said, []*os.File{aliveW, saidW}
}

// closeAll closes the caller's own write ends.
func closeAll(t *testing.T, files []*os.File) {
	for _, f := range files {
		must(t, f.Close())
	}
}

// drained returns when no process holds the other end any more. The test's own
// time limit is the only one.
func drained(t *testing.T, alive *os.File) {
	t.Helper()
	if _, err := io.ReadAll(alive); err != nil {
		t.Error(err)
	}
}

func TestCancelKillsAll(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		alive, said, extra := pipes(t)
		b.command.ExtraFiles = extra
		b.command.Argv = []string{"/bin/sh", "-c", daemons + "wait; sleep 1000"}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			line := make([]byte, len("started\n"))
			_, _ = io.ReadFull(said, line)
			cancel()
		}()
		if _, err := b.sandbox.Run(ctx, b.command); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		closeAll(t, extra)
		nobody(t, alive)
	})
}

// nobody fails unless all processes are dead already.
func nobody(t *testing.T, alive *os.File) {
	t.Helper()
	fd := int(alive.Fd()) // which makes reads block
	must(t, syscall.SetNonblock(fd, true))
	if n, err := syscall.Read(fd, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("a process lives on: %d, %v", n, err)
	}
}

func TestExitKillsAll(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		alive, _, extra := pipes(t)
		b.command.ExtraFiles = extra
		b.mustSh(daemons + "exit 0")
		closeAll(t, extra)
		nobody(t, alive)
	})
}

func TestCallerKilled(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		alive, said, extra := pipes(t)
		copies, err := os.MkdirTemp("/tmp", "sb-")
		must(t, err)
		defer os.RemoveAll(copies)
		cmd := helperCommand(t, "parent", b.dir, "TIER="+b.sandbox.Tier().String(), "COPIES="+copies)
		cmd.ExtraFiles = extra
		must(t, cmd.Start())
		closeAll(t, extra)
		line := make([]byte, len("started\n"))
		if _, err := io.ReadFull(said, line); err != nil {
			t.Fatal(err)
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		drained(t, alive)
		if left, err := os.ReadDir(copies); err != nil || len(left) > 0 {
			t.Errorf("copies remain: %v, %v", left, err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		must(t, err)
		if strings.Contains(string(mounts), testBundle) || strings.Contains(string(mounts), filepath.Join(b.dir, "upper")) {
			t.Error("mounts remain")
		}
	})
}

// helpParent runs daemons and waits to be killed.
func helpParent() error {
	tier, err := ParseTier(os.Getenv("TIER"))
	if err != nil {
		return err
	}
	_, err = helperRun(tier, false, daemons+"sleep 1000", os.NewFile(3, "alive"), os.NewFile(4, "said"))
	return err
}

func TestParentOf(t *testing.T) {
	for stat, want := range map[string]int{
		"12 (sh) S 7 12 12 0":          7,
		"12 (a) b) (c) R 99 1 2":       99,
		"12 (sh":                       0,
		"":                             0,
		"12 (sh) S":                    0,
		"12 (sh) S x":                  0,
		"1 (name\nwith line) S 3 4\n5": 3,
	} {
		if got := parentOf([]byte(stat)); got != want {
			t.Errorf("%q: %d, want %d", stat, got, want)
		}
	}
}

func FuzzParentOf(f *testing.F) {
	f.Add([]byte("12 (sh) S 7 12"))
	f.Add([]byte("12 (a) b) R 99"))
	f.Fuzz(func(t *testing.T, stat []byte) { parentOf(stat) })
}
