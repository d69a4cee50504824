package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/cpantest"
	"github.com/envbuild/envbuild/internal/digest"
)

// How often each tool starts a command, and how often each slower verb runs.
const (
	execRounds = 25
	verbRounds = 9
)

// BenchmarkExec starts true(1) in the environment of projects of 50 and of 1,000
// distributions, builds them when nothing has changed, and plans 1,500 steps. The
// program is bin/envbuild, as users run it: the start of this test's own binary
// costs more.
func BenchmarkExec(b *testing.B) {
	program, err := filepath.Abs("../../bin/envbuild")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		b.Fatalf("run make build first: %v", err)
	}
	small, large, huge := wideProject(b, 50), wideProject(b, 1000), wideProject(b, 1499)
	for _, c := range []client{small, large} {
		c.must(b, "build")
	}
	for b.Loop() {
		table := newBenchTable("envbuild exec")
		for _, p := range []struct {
			size string
			client
		}{{"50", small}, {"1000", large}} {
			benchWrappers(b, table, p.client, program, p.size)
		}
		table.print(b)
		for _, size := range []string{"50", "1000"} {
			fmt.Printf("with %s distributions, exec takes %s times a call of script/env.sh and a start of the program\n", size, execRatio(table, size))
		}

		verbs := newBenchTable("build 50")
		for range verbRounds {
			verbs.add("no-op", "build 50", timed(b, command(small, program, "build")))
			verbs.add("no-op", "build 1000", timed(b, command(large, program, "build")))
			verbs.add("plan", "plan 1500", timed(b, command(huge, program, "plan", "--json")))
		}
		verbs.print(b)
	}
}

// benchWrappers starts true(1) by each tool in turn.
func benchWrappers(b *testing.B, table *benchTable, c client, program, size string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, ".envrc"), []byte("source_env config/env.rc\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	type wrapper struct {
		name string
		argv []string
	}
	wrappers := []wrapper{
		{"no environment", []string{"true"}},
		{"start", []string{program, "--version"}},
		{"envbuild exec", []string{program, "exec", "--", "true"}},
		{"env.sh", []string{filepath.Join(c.dir, "script/env.sh"), "true"}},
	}
	if path, err := exec.LookPath("direnv"); err == nil {
		timed(b, command(c, path, "allow", "."))
		wrappers = append(wrappers, wrapper{"direnv exec", []string{path, "exec", ".", "true"}})
	} else {
		b.Log("direnv is not on PATH: not measured")
	}
	if path, err := exec.LookPath("mise"); err == nil {
		writeMise(b, c)
		timed(b, command(c, path, "trust"))
		wrappers = append(wrappers, wrapper{"mise exec", []string{path, "exec", "--", "true"}})
	} else {
		b.Log("mise is not on PATH: not measured")
	}
	for range execRounds {
		for _, w := range wrappers {
			table.add("exec "+size, w.name, timed(b, command(c, w.argv...)))
		}
	}
}

// writeMise gives mise the variables of the environment.
func writeMise(b *testing.B, c client) {
	b.Helper()
	text := "[env]\n"
	for line := range strings.Lines(c.must(b, "env", "--format", "dotenv")) {
		name, _, _ := strings.Cut(line, "=")
		text += fmt.Sprintf("%s = %q\n", name, "/some/directory:/usr/bin:/bin")
	}
	if err := os.WriteFile(filepath.Join(c.dir, "mise.toml"), []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
}

// execRatio compares exec with the sum of env.sh and the program's start: the best
// round of each, and the median of the rounds.
func execRatio(t *benchTable, size string) string {
	row := func(tool string) []time.Duration { return t.row("exec "+size, tool).durations }
	runs, scripts, starts := row("envbuild exec"), row("env.sh"), row("start")
	var ratios []float64
	for i := range runs {
		ratios = append(ratios, runs[i].Seconds()/(scripts[i]+starts[i]).Seconds())
	}
	best := slices.Min(runs).Seconds() / (slices.Min(scripts) + slices.Min(starts)).Seconds()
	return fmt.Sprintf("%.2f (best) and %.2f (median)", best, medianOf(ratios, func(f float64) float64 { return f }))
}

const wideSpec = `name: app
version: "1"
runtime: {perl: %q}
dependencies:
  cpan: {mirrors: [mirror]}
env: {GREETING: "hello from ${PROJECT_BASE}"}
`

// wideProject makes a project of that many distributions and locks it. Each needs
// the one of a quarter of its number. None is built, and no perl: what building one
// leaves is put into the cache.
func wideProject(b *testing.B, n int) client {
	b.Helper()
	c := client{dir: newDir(b)}.withCache(filepath.Join(newDir(b), "c"))
	name := func(i int) string { return fmt.Sprintf("Wide%04d", i) }
	var dists []cpantest.Dist
	cpanfile := ""
	for i := range n {
		d := cpantest.Dist{Name: name(i), Version: "1.0", Files: map[string]string{"lib/" + name(i) + ".pm": wideModule(name(i))}}
		if i > 0 {
			d.Requires = map[string]string{name(i / 4): "1"}
		}
		dists = append(dists, d)
		cpanfile += "requires '" + name(i) + "';\n"
	}
	if err := cpantest.WriteMirror(filepath.Join(c.dir, "mirror"), dists...); err != nil {
		b.Fatal(err)
	}
	for file, text := range map[string]string{"cpanfile": cpanfile, "envbuild.yaml": fmt.Sprintf(wideSpec, testPerl)} {
		if err := os.WriteFile(filepath.Join(c.dir, file), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	c.must(b, "lock")
	if err := fillCache(b.Context(), c.cache(b), func() (p planDocument, err error) {
		err = c.run("plan", "--json").decode(&p)
		return p, err
	}); err != nil {
		b.Fatal(err)
	}
	return c
}

func wideModule(name string) string {
	return "package " + name + ";\nour $VERSION = '1.0';\n1;\n"
}

// fillCache puts an output for each step that isn't cached yet. A step whose
// dependencies aren't cached has no key, so it takes a plan for each level.
func fillCache(ctx context.Context, dir string, planned func() (planDocument, error)) error {
	st, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	for {
		p, err := planned()
		if err != nil {
			return err
		}
		filled := 0
		for _, step := range p.Steps {
			if step.Cached || step.Key == "" {
				continue
			}
			if err := fakeOutput(ctx, st, step); err != nil {
				return err
			}
			filled++
		}
		if filled == 0 {
			return nil
		}
	}
}

// fakeOutput stores what building a distribution of one module leaves.
func fakeOutput(ctx context.Context, st *store.Store, step planStep) error {
	dir, _, err := st.TempDir("fake")
	if err != nil {
		return err
	}
	files := map[string]string{
		"lib/perl5/" + step.Name + ".pm":                                  wideModule(step.Name),
		"lib/perl5/x86_64-linux/.meta/" + step.Name + "-1.0/install.json": `{"name": "` + step.Name + `"}`,
		"lib/perl5/x86_64-linux/.meta/" + step.Name + "-1.0/MYMETA.json":  `{"name": "` + step.Name + `", "version": "1.0"}`,
		"lib/perl5/x86_64-linux/auto/" + step.Name + "/.packlist":         "lib/perl5/" + step.Name + ".pm\n",
	}
	if step.Kind == string(plan.Runtime) {
		files = map[string]string{"bin/perl": "#!/bin/sh\n"}
	}
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	out, err := st.PutOutput(ctx, dir)
	if err != nil {
		return err
	}
	key, err := digest.ParseKey(step.Key)
	if err != nil {
		return err
	}
	_, err = st.PutAction(ctx, &store.Action{
		Key: key, Output: out.ID, Step: step.Name, Version: step.Version,
		Tier: int(sandbox.Namespaces), TierName: sandbox.Namespaces.String(), Duration: time.Second,
	})
	return err
}
