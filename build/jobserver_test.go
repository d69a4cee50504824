package build

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestJobserverCancel(t *testing.T) {
	j, err := NewJobserver(1)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ctx, cancel := context.WithCancel(t.Context())
	if err := j.Acquire(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- j.Acquire(ctx) }()
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
	if err := j.Acquire(t.Context()); err != nil {
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
		if err := j.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
