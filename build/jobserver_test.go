package build

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJobserverCancel(t *testing.T) {
	j, err := NewJobserver(1)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ctx, cancel := context.WithCancel(t.Context())
	if err := j.Acquire(ctx, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- j.Acquire(ctx, nil) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("Acquire after cancel: %v", err)
	}
}

// TestJobserverWithMake runs two jobs that each wait for the other, which only
// works if make takes the second token from the pool.
func TestJobserverWithMake(t *testing.T) {
	j, err := NewJobserver(2)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Acquire(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	makefile := "all: a b\na: ; @echo x > f\nb: ; @cat f\n"
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte(makefile), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfifo", filepath.Join(dir, "f")).CombinedOutput(); err != nil {
		t.Fatalf("mkfifo: %v %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), "make", "-C", dir)
	cmd.Env = append(os.Environ(), "MAKEFLAGS="+Makeflags(3))
	cmd.ExtraFiles = j.Files()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "x") || strings.Contains(string(out), "warning") {
		t.Fatalf("make: %v\n%s", err, out)
	}
	// Both tokens are back: the one that make took and the one that is held here.
	if err := j.Release(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := j.Acquire(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestJobserverMakesFirst lets a make and a step wait for one token. Where the
// make is to get it, it does, unless the machine is too busy to wake it in time:
// then the step gives the token back.
func TestJobserverMakesFirst(t *testing.T) {
	j, err := NewJobserver(2)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for range 2 {
		if err := j.Acquire(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	makefile := "all: a b\na: ; @echo started > started; cat f\nb: ; @echo x > f\n"
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte(makefile), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"f", "started"} {
		if out, err := exec.Command("mkfifo", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("mkfifo: %v %s", err, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), "make", "-C", dir)
	cmd.Env = append(os.Environ(), "MAKEFLAGS="+Makeflags(3))
	cmd.ExtraFiles = j.Files()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(dir, "started")); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for range 100 {
		got := make(chan error, 1)
		go func() { got <- j.Acquire(t.Context(), func() bool { return true }) }()
		if err := j.Release(); err != nil {
			t.Fatal(err)
		}
		if err := <-got; err != nil { // the make has had it, or the step was faster
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the make never got the token")
}
