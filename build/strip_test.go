package build

import (
	"context"
	"debug/elf"
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
	"github.com/envbuild/envbuild/internal/system"
)

// stripSources builds one file of each kind with everything that debuggers read.
const stripSources = `
echo 'int f(void) { return 3; }' >lib.c
echo 'int f(void); int main(void) { return f(); }' >main.c
cc -g -O1 -fPIC -c lib.c -Wl,--build-id=none
mkdir -p "$prefix/bin" "$prefix/lib"
cc -shared -Wl,--build-id=none,-soname,libf.so -o "$prefix/lib/libf.so" lib.o
ar rc "$prefix/lib/libf.a" lib.o
cp lib.o "$prefix/lib/crt.o"
cc -g -O1 -Wl,--build-id=none -o "$prefix/bin/main" main.c "$prefix/lib/libf.so" -Wl,-rpath,"$prefix/lib"
ln "$prefix/bin/main" "$prefix/bin/twin"
chmod 555 "$prefix/bin/main"
printf '\177ELF damaged' >"$prefix/lib/damaged.so"
echo text >"$prefix/lib/not-an-archive.a"
`

// stripStep builds the files.
func stripStep(strip bool) plan.Step {
	step := plan.Step{
		ID: "test:runtime@1", Name: "runtime", Version: "1", Kind: plan.Runtime, Prefix: plan.NewPrefix("test"),
		Recipe: plan.Recipe{Script: "prefix=" + plan.NewPrefix("test") + stripSources},
	}
	if strip {
		step.Strip = StripRecipe()
	}
	return step
}

// buildStep builds one step in a store of its own.
func buildStep(t *testing.T, tier sandbox.Tier, step plan.Step) StepOutput {
	t.Helper()
	st, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	sys := system.Open("/")
	machine, err := ReadMachine(t.Context(), sys, st)
	if err != nil {
		t.Fatal(err)
	}
	box := sandbox.New(tier, sandbox.Options{})
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	b := New(Options{
		Store: st, System: sys, Root: machine, Project: t.TempDir(), Jobs: 1, Now: time.Now,
		Sandbox: func(context.Context) (*sandbox.Sandbox, error) { return box, nil },
		Emit: func(e Event) {
			if e.Kind == Warning {
				t.Log(e.Message)
			}
		},
	})
	g, err := plan.NewGraph([]plan.Step{step})
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.Build(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return res.Outputs[0]
}

// TestStrip builds in every tier that there is: what debuggers read is gone, what
// linkers and loaders need is there, and the outputs are the same.
func TestStrip(t *testing.T) {
	strongest, _ := sandbox.Probe(t.Context(), t.TempDir())
	var first StepOutput
	for _, tier := range sandbox.Tiers() {
		if tier > strongest {
			t.Logf("the tier %s can't be had here", tier)
			continue
		}
		out := buildStep(t, tier, stripStep(true))
		if first.Step == nil {
			first = out
			checkStripped(t, out.Tree)
		}
		if out.ID != first.ID {
			t.Errorf("the output differs in tier %s", tier)
		}
	}
}

func checkStripped(t *testing.T, tree string) {
	t.Helper()
	for name, want := range map[string]string{"bin/main": "", "lib/libf.so": "", "lib/crt.o": ".symtab"} {
		if got := unneeded(t, filepath.Join(tree, name)); got != want {
			t.Errorf("%s still has %q", name, got)
		}
	}
	main, err1 := os.Stat(filepath.Join(tree, "bin/main"))
	twin, err2 := os.Stat(filepath.Join(tree, "bin/twin"))
	if err1 != nil || err2 != nil || !os.SameFile(main, twin) || main.Mode().Perm() != 0o755 {
		t.Errorf("the file of two names: %v %v %v", main, err1, err2)
	}
	if text, err := os.ReadFile(filepath.Join(tree, "lib/damaged.so")); err != nil || string(text) != "\x7fELF damaged" {
		t.Errorf("the damaged file: %q %v", text, err)
	}
	out, err := exec.Command("nm", filepath.Join(tree, "lib/libf.a")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "T f") {
		t.Errorf("the archive can't be linked any more: %v %s", err, out)
	}
	// It runs, from wherever it is.
	err = exec.Command(filepath.Join(tree, "bin/main")).Run()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 3 { //nolint:errorlint // Run wraps nothing
		t.Errorf("the program: %v", err)
	}
}

// unneeded names the sections of a file that strip would take out.
func unneeded(t *testing.T, file string) string {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for _, s := range f.Sections {
		if s.Name == ".symtab" || strings.HasPrefix(s.Name, ".debug_") || s.Name == ".comment" && f.Type != elf.ET_REL {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestNoStrip(t *testing.T) {
	strongest, _ := sandbox.Probe(t.Context(), t.TempDir())
	out := buildStep(t, strongest, stripStep(false))
	if got := unneeded(t, filepath.Join(out.Tree, "bin/main")); !strings.Contains(got, ".debug_info") || !strings.Contains(got, ".symtab") {
		t.Errorf("it was stripped: %q", got)
	}
}
