package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/envbuild/envbuild/internal/atomicfile"
	"github.com/envbuild/envbuild/internal/cpantest"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

// blocksProject makes a project of a distribution that waits where client.start
// says so, one that needs it and one that doesn't, and locks it. The mirror is a
// directory, or what serve makes of that directory.
func blocksProject(t testing.TB, serve func(directory string) string, more ...cpantest.Dist) client {
	t.Helper()
	c := client{dir: newDir(t)}
	module := func(name string) map[string]string {
		return map[string]string{"lib/" + name + ".pm": "package " + name + ";\nour $VERSION = '1.0';\n1;\n"}
	}
	blocks := module("Blocks")
	blocks["Makefile.PL"] = blocking(blockTitle(c.dir))
	directory, mirror := filepath.Join(c.dir, "mirror"), "mirror"
	cpanfile := "requires 'After';\nrequires 'Free';\n"
	for _, d := range more {
		cpanfile += "requires '" + d.Name + "';\n"
	}
	err := cpantest.WriteMirror(directory, append(more,
		cpantest.Dist{Name: "Blocks", Version: "1.0", Files: blocks},
		cpantest.Dist{Name: "Free", Version: "1.0", Files: module("Free")},
		cpantest.Dist{Name: "After", Version: "1.0", Files: module("After"), Requires: map[string]string{"Blocks": "1"}})...)
	if err != nil {
		t.Fatal(err)
	}
	if serve != nil {
		mirror = serve(directory)
	}
	for name, text := range map[string]string{
		"cpanfile":      cpanfile,
		"envbuild.yaml": fmt.Sprintf(blocksSpec, testPerl, mirror),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c = c.withCache(newCache(t))
	c.must(t, "lock")
	return c
}

const blocksSpec = `name: app
version: "1"
maintainer: Some Body <body@example.org>
description: It gets interrupted
runtime: {perl: %q}
dependencies:
  cpan: {mirrors: [%q]}
package: {releases: 0, deb: {compression: none}}
`

// withCache returns the client with another cache.
func (c client) withCache(dir string) client {
	c.env = append(os.Environ(), "ENVBUILD_CACHE="+dir)
	return c
}

// cache is the directory of the client's cache.
func (c client) cache(t testing.TB) string {
	t.Helper()
	return c.must(t, "cache", "path")
}

// outputs are the output IDs by step. All steps must have one.
func (c client) outputs(t testing.TB) map[string]string {
	t.Helper()
	var plan planDocument
	if err := c.run("plan", "--json").decode(&plan); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range plan.Steps {
		if !s.Cached {
			t.Errorf("%s is not cached: %s", s.Name, s.Why)
		}
		out[s.Name] = s.Output
	}
	return out
}

// wantOutputs builds and compares with the outputs of another build.
func wantOutputs(t testing.TB, c client, want map[string]string) {
	t.Helper()
	c.must(t, "build")
	if got := c.outputs(t); !maps.Equal(got, want) {
		t.Errorf("the outputs are %v, not %v", got, want)
	}
	c.must(t, "cache", "verify")
	c.must(t, "exec", "--", "perl", "-MAfter", "-MBlocks", "-MFree", "-e", "1")
	noLeftovers(t, c.cache(t))
}

// noLeftovers fails for what a killed process left in the cache.
func noLeftovers(t testing.TB, cache string) {
	t.Helper()
	for _, pattern := range []string{"tmp/*", "v/" + atomicfile.TempPrefix + "*"} {
		left, err := filepath.Glob(filepath.Join(cache, pattern))
		if err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	}
}

// TestKill kills the program while it fetches, runs a step, merges and packages.
// The next run finds everything in order and comes to the same results.
func TestKill(t *testing.T) {
	c := blocksProject(t, nil)
	c.must(t, "build")
	want := c.outputs(t)

	t.Run("fetch", func(t *testing.T) { testKillFetch(t, want) })
	t.Run("step", func(t *testing.T) {
		c := c.withCache(newCache(t))
		logs := newWatch(t, filepath.Join(c.cache(t), "logs"))
		r := c.start(t, 1, "build")
		step := logs.waitBlocked(blockTitle(c.dir))
		if res := r.signal(syscall.SIGKILL); res.code != 137 {
			t.Fatal(res)
		}
		step.dead(-1)
		wantOutputs(t, c, want)
	})
	t.Run("merge", func(t *testing.T) { testKillMerge(t, c, want) })
	t.Run("package", func(t *testing.T) { testKillPackage(t, c) })
	t.Run("parts", func(t *testing.T) { testKillParts(t, c) })
}

// testKillFetch kills a build that has half of an archive.
func testKillFetch(t *testing.T, want map[string]string) {
	var m halvingMirror
	c := blocksProject(t, m.serve(t))
	c = c.withCache(newCache(t))
	half := m.halve()
	r := c.start(t, 0, "build")
	<-half
	if res := r.signal(syscall.SIGKILL); res.code != 137 {
		t.Fatal(res)
	}
	m.half.Store(nil)
	wantOutputs(t, c, want)
}

// halvingMirror serves a mirror.
type halvingMirror struct {
	half atomic.Pointer[chan struct{}]
}

// halve makes it serve half of the archive of Free, and then be silent. The
// channel is closed when that is so.
func (m *halvingMirror) halve() <-chan struct{} {
	c := make(chan struct{})
	m.half.Store(&c)
	return c
}

func (m *halvingMirror) serve(t *testing.T) func(directory string) string {
	return func(directory string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path := filepath.Join(directory, filepath.FromSlash(r.URL.Path))
			half := m.half.Load()
			if half == nil || !strings.HasSuffix(path, "Free-1.0.tar.gz") {
				http.ServeFile(w, r, path)
				return
			}
			serveHalf(t, w, path)
			close(*half)
			<-r.Context().Done()
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
}

func serveHalf(t *testing.T, w http.ResponseWriter, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data[:len(data)/2])
	_ = http.NewResponseController(w).Flush()
}

// testKillMerge kills a build that has begun to write the view.
func testKillMerge(t *testing.T, c client, want map[string]string) {
	c = c.withCache(newCache(t))
	views := newWatch(t, filepath.Join(c.cache(t), "v"))
	r := c.start(t, 0, "build")
	stage := views.until(func(path string) bool { return strings.HasPrefix(filepath.Base(path), atomicfile.TempPrefix) })
	if res := r.signal(syscall.SIGKILL); res.code != 137 {
		t.Fatal(res)
	}
	if entries, err := os.ReadDir(filepath.Dir(stage)); err != nil || len(entries) != 1 {
		t.Errorf("beside the stage there is something: %v, %v", entries, err)
	}
	if got := c.run("exec", "--no-build", "--", "true"); got.code != 125 {
		t.Errorf("half a view is used: %v", got)
	}
	wantOutputs(t, c, want)

	// The view is what one is that nobody disturbed.
	view := c.must(t, "build")
	mended := treeOf(t, view)
	if err := os.RemoveAll(view); err != nil {
		t.Fatal(err)
	}
	if again := c.must(t, "build"); again != view {
		t.Fatalf("the view is at %s, it was at %s", again, view)
	}
	if undisturbed := treeOf(t, view); !maps.Equal(mended, undisturbed) {
		t.Error("the view that was made after the kill differs")
	}
}

// treeOf gives for each path of a tree its mode and its content or target.
func treeOf(t testing.TB, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String() + info.ModTime().UTC().String()
		switch info.Mode().Type() {
		case 0:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += digest.Sum(data).String()
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what = target
		}
		out[strings.TrimPrefix(path, root)] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// testKillPackage kills a program that has begun to write the package.
func testKillPackage(t *testing.T, c client) {
	want := debOf(t, c).SHA256
	dir := newDir(t)
	out := newWatch(t, dir)
	r := c.start(t, 0, "deb", "-o", dir)
	out.until(func(path string) bool { return strings.HasPrefix(filepath.Base(path), atomicfile.TempPrefix) })
	if res := r.signal(syscall.SIGKILL); res.code != 137 {
		t.Fatal(res)
	}
	if debs, err := filepath.Glob(filepath.Join(dir, "*.deb")); err != nil || len(debs) > 0 {
		t.Errorf("there is a package: %v, %v", debs, err)
	}
	c.must(t, "deb", "-o", dir)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the directory has %v, %v", entries, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
	if err != nil || digest.Sum(data).String() != want {
		t.Errorf("the package differs from one that nobody disturbed: %v", err)
	}
	noLeftovers(t, c.cache(t))
}

// compressInParts makes the project's packages of parts.
func compressInParts(t testing.TB, c client) {
	t.Helper()
	spec := filepath.Join(c.dir, pkgspec.SpecName)
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spec, []byte(strings.Replace(string(text), "compression: none", "compression: gzip:1", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// testKillParts kills a program that has compressed the first parts of a package.
func testKillParts(t *testing.T, c client) {
	compressInParts(t, c)
	want := debOf(t, c).SHA256
	c = c.withCache(newCache(t))
	c.must(t, "build")
	parts := newWatch(t, filepath.Join(c.cache(t), "parts"))
	dir := newDir(t)
	r := c.start(t, 0, "deb", "-o", dir)
	parts.until(func(string) bool { return true })
	if res := r.signal(syscall.SIGKILL); res.code != 137 {
		t.Fatal(res)
	}
	c.must(t, "cache", "verify")
	if debs, err := filepath.Glob(filepath.Join(dir, "*.deb")); err != nil || len(debs) > 0 {
		t.Errorf("there is a package: %v, %v", debs, err)
	}
	if got := debOf(t, c).SHA256; got != want {
		t.Errorf("the package is %s, one that nobody disturbed %s", got, want)
	}
	noLeftovers(t, c.cache(t))
}

// TestInterruptFetch stops locking and building while an archive comes.
func TestInterruptFetch(t *testing.T) {
	var m halvingMirror
	c := blocksProject(t, m.serve(t))
	lock := filepath.Join(c.dir, pkgspec.LockName)
	for _, args := range [][]string{{"build"}, {"fetch"}, {"deb"}, {"lock"}} {
		t.Run(args[0], func(t *testing.T) {
			c := c.withCache(newCache(t))
			if args[0] == "lock" {
				if err := os.Remove(lock); err != nil {
					t.Fatal(err)
				}
			}
			half := m.halve()
			r := c.start(t, 0, args...)
			<-half
			res := r.signal(syscall.SIGINT)
			if end := r.all[len(r.all)-1]; res.code != 130 || end.Kind != "notice" || !strings.HasPrefix(end.Message, "interrupted: ") {
				t.Errorf("%s", res)
			}
			noLeftovers(t, c.cache(t))
		})
	}
	if _, err := os.Stat(lock); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a lock: %v", err)
	}
}

// TestAtOnce builds in two checkouts, and twice in one, at the same time with
// one cache. A step waits in the first, so that all three want it.
func TestAtOnce(t *testing.T) {
	c := blocksProject(t, nil)
	other := c
	other.dir = filepath.Join(newDir(t), "copy")
	if out, err := exec.Command("cp", "-R", c.dir, other.dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
	logs := newWatch(t, filepath.Join(c.cache(t), "logs"))
	all := []*running{c.start(t, 1, "build")}
	step := logs.waitBlocked(blockTitle(c.dir))
	for _, c := range []client{other, c} {
		r := c.start(t, 0, "build")
		r.until("step-waiting", "Blocks")
		all = append(all, r)
	}
	step.release()

	ran := map[string]int{}
	for _, r := range all {
		if res := r.wait(); res.code != 0 {
			t.Errorf("%s", res)
		}
		for _, e := range r.all {
			if e.Kind == "step-started" {
				ran[e.Name]++
			}
		}
	}
	if want := map[string]int{"Blocks": 1, "Free": 1, "After": 1}; !maps.Equal(ran, want) {
		t.Errorf("the steps ran %v times", ran)
	}
	if a, b := c.must(t, "build"), other.must(t, "build"); a != b {
		t.Errorf("the views are %s and %s", a, b)
	}
	noLeftovers(t, c.cache(t))
}

// TestInterrupt sends the signals by which people and systems stop a build.
func TestInterrupt(t *testing.T) {
	c := blocksProject(t, nil)
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			c := c.withCache(newCache(t))
			logs := newWatch(t, filepath.Join(c.cache(t), "logs"))
			r := c.start(t, 1, "build", "-j", "2")
			r.until("step-done", "Free")
			step := logs.waitBlocked(blockTitle(c.dir))
			res := r.signal(signal)
			if res.code != code {
				t.Errorf("code %d, want %d: %s", res.code, code, res)
			}
			if !step.dead(0) {
				t.Error("the step outlives the program")
			}
			end := r.all[len(r.all)-2] // before the notice how to go on
			if end.Kind != "finished" || end.Message != "interrupted" || end.Total != 4 || end.Cached != 1 || end.Built != 1 {
				t.Errorf("it says %+v at the end", end)
			}
			noLeftovers(t, c.cache(t))
			c.must(t, "build")
		})
	}
}
