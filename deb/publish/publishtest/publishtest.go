// Package publishtest holds the suite that every publish.Target passes, and makes
// packages for tests.
package publishtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/internal/digest"
)

// Server is the other side of a target.
type Server interface {
	// Target returns a target that publishes there, under the name "internal".
	Target(t *testing.T) publish.Target
	// Holds returns the digest of a package's file as a machine would get it.
	Holds(t *testing.T, p publish.Package) (sum digest.SHA256, there bool)
}

// TestTarget checks what publish.Target promises. empty starts a server that
// holds nothing, and takes packages for amd64.
func TestTarget(t *testing.T, empty func(t *testing.T) Server) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Server)
	}{
		{"Publish", testPublish}, {"Again", testAgain}, {"OtherBytes", testOtherBytes}, {"Versions", testVersions},
		{"Concurrent", testConcurrent}, {"Same", testSame}, {"Canceled", testCanceled}, {"Changed", testChanged},
		{"Gone", testGone}, {"Nothing", testNothing},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, empty(t)) })
	}
}

// Make makes a package of that name, version and architecture. Its description
// makes its bytes differ.
func Make(t *testing.T, name, version, arch, description string) publish.Package {
	t.Helper()
	dir := t.TempDir()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Ops <ops@example.org>\nDescription: %s\n", name, version, arch, description)
	if err := os.MkdirAll(filepath.Join(dir, "root", "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root", "DEBIAN", "control"), []byte(control), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", "root", "x.deb")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v %s", err, out)
	}
	p, err := publish.Read(filepath.Join(dir, "x.deb"), "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Refill gives a package's file other content, which need be no package.
func Refill(t *testing.T, p publish.Package, content []byte) publish.Package {
	t.Helper()
	p.Path = filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(p.Path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	p.SHA256, p.Size = digest.Sum(content), int64(len(content))
	return p
}

func publishOne(t *testing.T, s Server, p publish.Package) publish.Published {
	t.Helper()
	done, err := s.Target(t).Publish(t.Context(), []publish.Package{p})
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != 1 || done[0].Package != p || done[0].Location == "" {
		t.Fatalf("published %+v, want %+v with a location", done, p)
	}
	return done[0]
}

func wantThere(t *testing.T, s Server, p publish.Package) {
	t.Helper()
	if sum, there := s.Holds(t, p); !there || sum != p.SHA256 {
		t.Errorf("%s: there %v, SHA-256 %s, want %s", p.File(), there, sum.Short(), p.SHA256.Short())
	}
}

func wantAbsent(t *testing.T, s Server, p publish.Package) {
	t.Helper()
	if sum, there := s.Holds(t, p); there {
		t.Errorf("%s is there, SHA-256 %s", p.File(), sum)
	}
}

func testPublish(t *testing.T, s Server) {
	packages := []publish.Package{Make(t, "hello", "1.0-1", "amd64", "one"), Make(t, "hello-data", "1.0-1", "all", "two")}
	wantAbsent(t, s, packages[0])
	done, err := s.Target(t).Publish(t.Context(), packages)
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != 2 {
		t.Fatalf("published %+v", done)
	}
	for i, p := range packages {
		if done[i].Package != p || done[i].Already || done[i].Location == "" {
			t.Errorf("published %+v, want %+v anew", done[i], p)
		}
		wantThere(t, s, p)
	}
	next := Make(t, "hello", "1.1-1", "amd64", "three")
	publishOne(t, s, next)
	for _, p := range append(packages, next) {
		wantThere(t, s, p)
	}
}

func testAgain(t *testing.T, s Server) {
	p := Make(t, "hello", "1.0-1", "amd64", "one")
	first := publishOne(t, s, p)
	second := publishOne(t, s, p)
	if first.Already || !second.Already || first.Location != second.Location {
		t.Errorf("published %+v, then %+v", first, second)
	}
	wantThere(t, s, p)
	q := Make(t, "hello", "1.1-1", "amd64", "two")
	done, err := s.Target(t).Publish(t.Context(), []publish.Package{p, q})
	if err != nil || len(done) != 2 || !done[0].Already || done[1].Already {
		t.Errorf("the old one and a new one: %+v, %v", done, err)
	}
	wantThere(t, s, q)
}

func testOtherBytes(t *testing.T, s Server) {
	p, other := Make(t, "hello", "1.0-1", "amd64", "one"), Make(t, "hello", "1.0-1", "amd64", "another")
	publishOne(t, s, p)
	_, err := s.Target(t).Publish(t.Context(), []publish.Package{other})
	var found *publish.OtherBytesError
	if !errors.As(err, &found) || found.Hint() == "" {
		t.Fatalf("other bytes: %v, want an OtherBytesError", err)
	}
	for _, part := range []string{"internal", p.File(), "other bytes"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q doesn't say %q", err, part)
		}
	}
	wantThere(t, s, p)
}

func testVersions(t *testing.T, s Server) {
	for _, version := range []string{"1:2.0~rc1+git2-1~bookworm1", "0-3", "1.0-1+b2", "2024.01.01-a-b-1"} {
		p := Make(t, "libstdc++6", version, "amd64", version)
		publishOne(t, s, p)
		wantThere(t, s, p)
		if again := publishOne(t, s, p); !again.Already {
			t.Errorf("%s was published again", p.File())
		}
	}
}

// testConcurrent has publishers of their own packages, which must not lose each
// other's.
func testConcurrent(t *testing.T, s Server) {
	const publishers, each = 4, 3
	packages := make([]publish.Package, publishers*each)
	for i := range packages {
		packages[i] = Make(t, fmt.Sprintf("p%d", i), "1-1", "amd64", "x")
	}
	targets := make([]publish.Target, publishers)
	for i := range targets {
		targets[i] = s.Target(t)
	}
	var all sync.WaitGroup
	for i, target := range targets {
		all.Go(func() {
			for _, p := range packages[i*each : (i+1)*each] {
				if _, err := target.Publish(t.Context(), []publish.Package{p}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, p := range packages {
		wantThere(t, s, p)
	}
}

// testSame has publishers of one and the same package.
func testSame(t *testing.T, s Server) {
	p := Make(t, "hello", "1.0-1", "amd64", "one")
	targets := []publish.Target{s.Target(t), s.Target(t), s.Target(t)}
	var all sync.WaitGroup
	for _, target := range targets {
		all.Go(func() {
			if _, err := target.Publish(t.Context(), []publish.Package{p}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantThere(t, s, p)
}

func testCanceled(t *testing.T, s Server) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := Make(t, "hello", "1.0-1", "amd64", "one")
	if _, err := s.Target(t).Publish(ctx, []publish.Package{p}); !errors.Is(err, context.Canceled) {
		t.Errorf("publish = %v, want context.Canceled", err)
	}
	wantAbsent(t, s, p)
}

// testChanged has a file that changes after it was read.
func testChanged(t *testing.T, s Server) {
	p, other := Make(t, "hello", "1.0-1", "amd64", "one"), Make(t, "hello", "1.0-1", "amd64", "two")
	b, err := os.ReadFile(other.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Target(t).Publish(t.Context(), []publish.Package{p}); err == nil {
		t.Error("a file that changed was published")
	}
	wantAbsent(t, s, p)
}

func testGone(t *testing.T, s Server) {
	p := Make(t, "hello", "1.0-1", "amd64", "one")
	if err := os.Remove(p.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Target(t).Publish(t.Context(), []publish.Package{p}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("publish of no file = %v", err)
	}
	wantAbsent(t, s, p)
}

func testNothing(t *testing.T, s Server) {
	if done, err := s.Target(t).Publish(t.Context(), nil); err != nil || len(done) != 0 {
		t.Errorf("publish of nothing: %+v, %v", done, err)
	}
}
