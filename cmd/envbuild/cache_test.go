package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/envbuild/envbuild/pkgspec"
)

// testPerl is the perl that the tests build: the one whose archive the mirrors
// of Debian 12 have.
const testPerl = "5.36.0"

// mainCache is the cache in which perl is built, so that the next run of the
// tests finds it: ENVBUILD_TEST_CACHE, ENVBUILD_CACHE, or one for this run.
func mainCache() string {
	for _, name := range []string{"ENVBUILD_TEST_CACHE", "ENVBUILD_CACHE"} {
		if dir := os.Getenv(name); dir != "" {
			return dir
		}
	}
	return filepath.Join(shared.dir, "main")
}

// newCache returns the path of a cache of the test's own that holds perl and
// nothing else, so that what a test sees doesn't depend on earlier runs.
func newCache(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(newDir(t), "c")
	if err := seedCache(dir, "--link"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// seedCache makes a cache that holds perl, its archive, and what is known of it.
// Its files are links unless how is "--no-preserve=links": nobody changes them,
// and perl has 2500.
func seedCache(dir, how string) error {
	shared.perl.once.Do(func() { shared.perl.paths, shared.perl.err = buildPerl() })
	if shared.perl.err != nil {
		return shared.perl.err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	args := append([]string{"--archive", "--parents", how, "--target-directory", dir}, shared.perl.paths...)
	cp := exec.Command("cp", args...)
	cp.Dir = mainCache()
	if out, err := cp.CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}

// buildPerl builds perl in the main cache and returns where that has it: the
// layout is described in the comment of package store.
func buildPerl() (_ []string, err error) {
	project, err := os.MkdirTemp(shared.dir, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(project)) }()
	spec := "name: perl\nversion: \"1\"\nruntime: {perl: \"" + testPerl + "\"}\n"
	if err := os.WriteFile(filepath.Join(project, pkgspec.SpecName), []byte(spec), 0o644); err != nil {
		return nil, err
	}
	c := client{dir: project, env: append(os.Environ(), "ENVBUILD_CACHE="+mainCache())}
	for _, verb := range []string{"lock", "build"} {
		if err := c.run(verb).err(); err != nil {
			return nil, err
		}
	}
	var plan planDocument
	if err := c.run("plan", "--json").decode(&plan); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(project, pkgspec.LockName))
	if err != nil {
		return nil, err
	}
	lock, err := pkgspec.ParseLock(pkgspec.LockName, data)
	if err != nil {
		return nil, err
	}
	entry := func(kind, name string) string { return filepath.Join(kind, name[:2], name) }
	perl := plan.Steps[0]
	return []string{
		"CACHEDIR.TAG", "facts", "version", entry("actions", perl.Key), entry("outputs", perl.Output),
		entry("sources", lock.Language("perl").Runtime.Source().SHA256.String()),
	}, nil
}

// newDir is like t.TempDir, with a short path: that of a view has to fit
// where the build's prefix is.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
