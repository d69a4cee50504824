package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/build/store/storetest"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

// bench is a builder with the store and the archives of a test.
type bench struct {
	*store.Store
	dir    string
	opts   Options
	mu     sync.Mutex
	events []Event
}

// newBench builds in a tier, or in none that is ever asked for if that is 0.
func newBench(t testing.TB, tier sandbox.Tier) *bench {
	t.Helper()
	st, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Store: st, dir: t.TempDir()}
	box := sandbox.New(tier, sandbox.Options{})
	t.Cleanup(func() {
		if err := errors.Join(box.Close(), st.Close()); err != nil {
			t.Error(err)
		}
	})
	b.opts = Options{
		Store: st, Root: plan.Machine{Arch: "amd64"}, Target: "debian-12", Project: t.TempDir(), Jobs: 2, Now: time.Now,
		Sandbox: func(context.Context) (*sandbox.Sandbox, error) { return box, nil },
		Fetch: func(_ context.Context, src plan.Source) (string, error) {
			return filepath.Join(b.dir, src.SHA256.String()), nil
		},
		Emit: func(e Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		},
	}
	return b
}

// archive makes a tar archive of files.
func (b *bench) archive(t testing.TB, files map[string]string) plan.Source {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg})
		if _, werr := w.Write([]byte(content)); err != nil || werr != nil {
			t.Fatal(err, werr)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sum := digest.Sum(buf.Bytes())
	if err := os.WriteFile(filepath.Join(b.dir, sum.String()), buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return plan.Source{Name: "archive", File: "archive.tar", SHA256: sum}
}

// unpacked is a step that unpacks an archive.
func unpacked(name string, src plan.Source, places ...string) plan.Step {
	return plan.Step{
		ID: plan.StepID("toy", name, "1"), Name: name, Version: "1", Language: "toy", Kind: plan.Distribution,
		Engine: plan.Unpack, Unpack: plan.Unpacking{Format: "tar"}, Prefix: plan.NewPrefix("toy"), Places: places,
		Sources: []plan.Source{src},
	}
}

// scripted is a step that runs a script in the sandbox.
func scripted(name, script string, deps ...string) plan.Step {
	return plan.Step{
		ID: plan.StepID("toy", name, "1"), Name: name, Version: "1", Language: "toy", Kind: plan.Distribution,
		Prefix: plan.NewPrefix("toy"), Recipe: plan.Recipe{Script: script}, Deps: deps,
	}
}

func graph(t testing.TB, steps ...plan.Step) *plan.Graph {
	t.Helper()
	g, err := plan.NewGraph(steps)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestUnpackEngine expects that what is unpacked needs no sandbox, is the same for
// every root, and is found again.
func TestUnpackEngine(t *testing.T) {
	b := newBench(t, 0)
	b.opts.Sandbox = func(context.Context) (*sandbox.Sandbox, error) { return nil, errors.New("a sandbox was made") }
	step := unpacked("a", b.archive(t, map[string]string{"index.js": "a"}), "node_modules/a")
	res, err := New(b.opts).Build(t.Context(), graph(t, step))
	if err != nil || res.Built != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if data, err := os.ReadFile(filepath.Join(res.Outputs[0].Tree, "index.js")); err != nil || string(data) != "a" {
		t.Errorf("it holds %q, %v", data, err)
	}
	if _, err := os.Stat(b.LogPath(res.Outputs[0].Key)); err == nil {
		t.Error("it has a log")
	}
	b.opts.Root, b.opts.Target = plan.Machine{Arch: "arm64"}, "debian-13/arm64"
	other := step
	other.ID, other.Name, other.Places = "toy:b@2", "b", nil
	res, err = New(b.opts).Build(t.Context(), graph(t, other))
	if err != nil || res.Cached != 1 {
		t.Errorf("under another root, name and place: %+v, %v", res, err)
	}
	for _, e := range b.events {
		if e.Kind == StepDone && (e.ID == "" || e.Target == "") {
			t.Errorf("an event of no step: %+v", e)
		}
	}
}

func TestUnpackEngineFails(t *testing.T) {
	b := newBench(t, 0)
	src := b.archive(t, map[string]string{"../a": "outside"})
	_, err := New(b.opts).Build(t.Context(), graph(t, unpacked("a", src)))
	var step *StepError
	if !errors.As(err, &step) || step.Hint() == "" || step.ShellCommand() != "" {
		t.Errorf("an archive that leads out: %v", err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, src.SHA256.String()), []byte("other bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = New(b.opts).Build(t.Context(), graph(t, unpacked("a", src)))
	var corrupt *CorruptSourceError
	if !errors.As(err, &corrupt) {
		t.Errorf("other bytes: %v", err)
	}
}

// TestPlaces builds a step of one language that sees outputs of another at their
// places, one of them at two and below another's, and tries to write to them.
func TestPlaces(t *testing.T) {
	strongest, _ := sandbox.Probe(t.Context(), t.TempDir())
	ids := map[digest.ID]bool{}
	for _, tier := range sandbox.Tiers() {
		if tier > strongest {
			t.Logf("the tier %s can't be had here", tier)
			continue
		}
		b := newBench(t, tier)
		inner := unpacked("inner", b.archive(t, map[string]string{"f": "inner"}), "m/inner", "m/outer/m/inner")
		outer := unpacked("outer", b.archive(t, map[string]string{"f": "outer", "d/g": "g"}), "m/outer")
		tool := scripted("tool", "mkdir -p "+plan.NewPrefix("tool")+"/bin; echo tool >"+plan.NewPrefix("tool")+"/bin/tool\n")
		tool.Language, tool.Prefix = "other", plan.NewPrefix("tool")
		app := scripted("app", strings.ReplaceAll(`
			cd P
			test "$(cat m/inner/f)$(cat m/outer/f)$(cat m/outer/m/inner/f)$(cat m/outer/d/g)" = innerouterinnerg
			cat `+plan.NewPrefix("tool")+`/bin/tool >own
			mkdir m/own
			echo own >m/own/f
			if echo through >>m/inner/f 2>/dev/null; then git=1; fi
			echo inner >m/inner/f || true
			printf inner >m/inner/f
		`, "P", plan.NewPrefix("toy")), inner.ID, outer.ID, tool.ID)
		res, err := New(b.opts).Build(t.Context(), graph(t, inner, outer, tool, app))
		if err != nil {
			t.Fatalf("%s: %v", tier, err)
		}
		for _, o := range res.Outputs {
			if err := b.Verify(t.Context(), o.ID); err != nil {
				t.Errorf("%s: %s: %v", tier, o.Step.Name, err)
			}
		}
		ids[res.Outputs[3].ID] = true
		var own []string
		for _, f := range []string{"own", "m/own/f", "m/inner/f"} {
			if _, err := os.Stat(filepath.Join(res.Outputs[3].Tree, f)); err == nil {
				own = append(own, f)
			}
		}
		if !slices.Equal(own, []string{"own", "m/own/f"}) {
			t.Errorf("%s: the output has %v", tier, own)
		}
	}
	if len(ids) != 1 {
		t.Errorf("the tiers made %d outputs", len(ids))
	}
}

// TestLowers merges what is too much for overlayfs, and keeps the order in which
// files hide each other.
func TestLowers(t *testing.T) {
	root := t.TempDir()
	tree := func(name string, files ...string) string {
		dir := filepath.Join(root, name)
		for _, f := range files {
			path := filepath.Join(dir, f)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	trees := []placedTree{
		{tree("one", "f", "x/y"), ""}, {tree("two", "f", "g"), ""}, {tree("three", "f"), "x/y/z"},
		{tree("four", "h", "g/under"), ""}, {tree("five", "f", "h"), ""}, {tree("six", "i"), "p/q"}, {tree("seven", "i"), "p/q"},
	}
	for limit, want := range map[int]int{500: 6, 3: 3, 1: 1} {
		m := lowerMerger{dir: filepath.Join(root, fmt.Sprint("merged", limit)), max: limit}
		lowers, err := m.lowers(trees)
		if err != nil || len(lowers) != want {
			t.Errorf("limit %d: %d lowers, %v; want %d", limit, len(lowers), err, want)
			continue
		}
		for path, content := range map[string]string{
			"f": "one", "x/y": "one", "g": "two", "h": "four", "p/q/i": "six", "x/y/z/f": "", "g/under": "",
		} {
			if got := firstOf(lowers, path); got != content {
				t.Errorf("limit %d: %s is of %q, want %q", limit, path, got, content)
			}
		}
	}
}

// firstOf reads a path as overlayfs shows it.
func firstOf(lowers []string, path string) string {
	for _, dir := range lowers {
		if data, err := os.ReadFile(filepath.Join(dir, path)); err == nil {
			return string(data)
		}
		for up := filepath.Dir(path); up != "."; up = filepath.Dir(up) {
			if fi, err := os.Lstat(filepath.Join(dir, up)); err == nil && !fi.IsDir() {
				return ""
			}
		}
	}
	return ""
}

// TestPlaceThroughSymlink expects that a place is not followed out of the tree.
func TestPlaceThroughSymlink(t *testing.T) {
	outside, evil, tree := t.TempDir(), t.TempDir(), t.TempDir()
	if err := errors.Join(os.Symlink(outside, filepath.Join(evil, "m")), os.WriteFile(filepath.Join(tree, "f"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	m := lowerMerger{dir: t.TempDir(), max: 1}
	if _, err := m.lowers([]placedTree{{evil, ""}, {tree, "m/n"}}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}

// TestManyLayers shows 600 outputs to one step.
func TestManyLayers(t *testing.T) {
	if tier, reason := sandbox.Probe(t.Context(), t.TempDir()); tier != sandbox.Namespaces {
		skiptest.Because(t, "overlayfs can't be tried: %v", reason)
	}
	b := newBench(t, sandbox.Namespaces)
	var steps []plan.Step
	var ids []string
	for i := range 600 {
		name := fmt.Sprint("step", i)
		steps = append(steps, unpacked(name, b.archive(t, map[string]string{name: name})))
		ids = append(ids, steps[i].ID)
	}
	script := "cd " + plan.NewPrefix("toy") + "; test $(ls | wc -l) = 600; cat step0 step499 step500 step599 >/dev/null; echo 1 >own\n"
	steps = append(steps, scripted("app", script, ids...))
	if _, err := New(b.opts).Build(t.Context(), graph(t, steps...)); err != nil {
		t.Fatal(err)
	}
}

// TestParts builds in a store whose parts are of different ones, and expects one
// synchronization for all steps that ran, and what changed to be told.
func TestParts(t *testing.T) {
	b := newBench(t, 0)
	memory := storetest.NewMemory(b.Store)
	b.opts.Store = struct {
		Outputs
		Actions
		Workspace
		History
		FactCache
	}{b.Store, memory, b.Store, memory, memory}
	src := b.archive(t, map[string]string{"f": "1"})
	steps := []plan.Step{unpacked("a", src), unpacked("b", src), unpacked("c", b.archive(t, map[string]string{"f": "2"}))}
	for _, want := range []Result{{Built: 2, Cached: 1}, {Cached: 3}} {
		res, err := New(b.opts).Build(t.Context(), graph(t, steps...))
		if err != nil || res.Built+res.Cached != 3 || want.Built == 0 && res.Built > 0 {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	if n := memory.Synced(); n != 1 {
		t.Errorf("the store was synced %d times", n)
	}
	steps[2].Unpack.Strip = 1
	decisions, err := New(b.opts).Plan(t.Context(), graph(t, steps...))
	if err != nil || decisions[2].Why != "format changed" {
		t.Errorf("%+v, %v", decisions, err)
	}
}

// TestWhy tells what changed: in the step, in what it needs, in the root.
func TestWhy(t *testing.T) {
	b := newBench(t, 0)
	memory := storetest.NewMemory(b.Store)
	b.opts.Store = struct {
		Outputs
		Actions
		Workspace
		History
		FactCache
	}{b.Store, memory, b.Store, memory, memory}
	put := func(g *plan.Graph) {
		builder := New(b.opts)
		var outputs []StepOutput
		known := newKnown(g)
		for _, s := range g.Steps() {
			deps, err := known.deps(s)
			if err != nil {
				t.Fatal(err)
			}
			ing := builder.ingredients(s, deps)
			inputs, err := builder.summary(ing)
			if err != nil {
				t.Fatal(err)
			}
			out := b.output(t, s.Recipe.Script)
			if _, err := memory.PutAction(t.Context(), &store.Action{Key: ing.key, Output: out, Tier: int(sandbox.Namespaces), Inputs: inputs}); err != nil {
				t.Fatal(err)
			}
			known.add(s, out, deps)
			outputs = append(outputs, StepOutput{Step: s, Key: ing.key})
		}
		if err := builder.noteKeys(outputs); err != nil {
			t.Fatal(err)
		}
	}
	low := scripted("low", "1")
	top := scripted("top", "1", low.ID)
	put(graph(t, low, top))
	for want, change := range map[string]func(low, top *plan.Step, root *plan.Machine){
		"top: recipe changed":            func(_, top *plan.Step, _ *plan.Machine) { top.Recipe.Script = "2" },
		"top: version changed":           func(_, top *plan.Step, _ *plan.Machine) { top.ID, top.Version = "toy:top@2", "2" },
		"top: low has to be built first": func(low, _ *plan.Step, _ *plan.Machine) { low.Recipe.Script = "2" },
		"low: machine changed":           func(_, _ *plan.Step, root *plan.Machine) { root.Arch = "arm64" },
		"low: tool /usr/bin/cc is new":   func(_, _ *plan.Step, root *plan.Machine) { root.Tools = []plan.Tool{{Path: "/usr/bin/cc"}} },
		"low: never built here":          func(low, top *plan.Step, _ *plan.Machine) { low.ID = "toy:new@1"; top.Deps = []string{low.ID} },
	} {
		low, top, root := low, top, plan.Machine{Arch: "amd64"}
		change(&low, &top, &root)
		o := b.opts
		o.Root = root
		decisions, err := New(o).Plan(t.Context(), graph(t, low, top))
		if err != nil {
			t.Fatal(err)
		}
		name, why, _ := strings.Cut(want, ": ")
		i := slices.IndexFunc(decisions, func(d Decision) bool { return d.Step.Name == name || name == "low" && d.Step.Name != "top" })
		if decisions[i].Why != why {
			t.Errorf("%s: %q, want %q", name, decisions[i].Why, why)
		}
	}
}

// output stores a tree with one file.
func (b *bench) output(t testing.TB, content string) digest.ID {
	t.Helper()
	dir, _, err := b.TempDir("output")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := b.PutOutput(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return out.ID
}
