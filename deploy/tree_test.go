package deploy

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/report"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// The placeholders of the language of these tests.
var (
	runtimePrefix = plan.NewPrefix("runtime")
	bundlePrefix  = plan.NewPrefix("bundle")
)

// made are outputs as a store would have them, with the view of them.
type made struct {
	outputs []Output
	view    []tree.Entry
}

// makeOutputs makes the output of a runtime, and those of two distributions that
// both have one file. l says where the view stands.
func makeOutputs(t *testing.T, l Layout) made {
	t.Helper()
	texts := []struct {
		step  plan.Step
		files map[string]string
	}{
		{plan.Step{Name: "perl", Language: "perl", Kind: plan.Runtime, Prefix: runtimePrefix}, map[string]string{"bin/perl": "an interpreter", "lib/Config": "prefix " + runtimePrefix}},
		{plan.Step{Name: "A", Language: "perl", Kind: plan.Distribution, Prefix: bundlePrefix}, map[string]string{"lib/A": "a", "lib/Both": "of both", "bin/a": "#!" + runtimePrefix + "/bin/perl"}},
		{plan.Step{Name: "B", Language: "perl", Kind: plan.Distribution, Prefix: bundlePrefix}, map[string]string{"lib/B": "b", "lib/Both": "of both"}},
	}
	var m made
	dir, seen := t.TempDir(), map[string]bool{}
	for i, text := range texts {
		o := Output{Step: &texts[i].step}
		o.ID = digest.NewHasher(o.Step.Name).ID()
		for name, content := range text.files {
			source := filepath.Join(dir, o.Step.Name, name)
			writeText(t, source, content)
			o.Entries = append(o.Entries, tree.Entry{Path: name, Mode: 0o644, Source: source, SHA256: digest.Sum([]byte(content))})
		}
		o.Entries = append(o.Entries,
			tree.Entry{Path: "link", Kind: tree.Symlink, Target: bundlePrefix + "/lib"}, tree.Entry{Path: "bin", Kind: tree.Dir})
		slices.SortFunc(o.Entries, func(a, b tree.Entry) int { return cmp.Compare(a.Path, b.Path) })
		m.outputs = append(m.outputs, o)
		for _, e := range o.Entries {
			if e.Path = l.ViewPaths(o.Step, e.Path)[0]; seen[e.Path] {
				continue
			}
			seen[e.Path] = true
			if content := l.Relocate(text.files[strings.SplitN(e.Path, "/", 2)[1]]); e.Kind == tree.File {
				e.Source, e.SHA256 = filepath.Join(dir, "view", e.Path), digest.Sum([]byte(content))
				writeText(t, e.Source, content)
			}
			e.Target = l.Relocate(e.Target)
			m.view = append(m.view, e)
		}
	}
	return m
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newSpec is a spec with an application of one file.
func newSpec(t *testing.T, text string) *pkgspec.Spec {
	t.Helper()
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "script/web"), "#!/bin/sh\n")
	spec, err := pkgspec.Parse("envbuild.yaml", []byte("name: web-sample\ndescription: a sample\nruntime: {perl: 5.36.0}\n"+text), project.Languages().Formats()...)
	if err != nil {
		t.Fatal(err)
	}
	spec.Dir = dir
	return spec
}

// testDirs are the directories of a view as perl has them.
func testDirs() []lang.Directory {
	return []lang.Directory{
		{Language: "perl", Prefix: runtimePrefix, Path: "runtime", Runtime: true}, {Language: "perl", Prefix: bundlePrefix, Path: "local"},
	}
}

// placeSpec is the layout of the spec's package, with or without a runtime of its
// own.
func placeSpec(spec *pkgspec.Spec, shared *runtimePackage) Layout {
	return newPackageLayout(layoutInput{
		spec: spec, dirs: testDirs(), prefix: spec.Package.Prefix, version: "1.0-1~bookworm1", bundleID: "b0b0b0b0b0b0", shared: shared,
		interpreter: runtimePrefix + "/bin/perl",
	})
}

func newTestTree(t *testing.T, spec *pkgspec.Spec, l Layout, m made) *Tree {
	t.Helper()
	made, err := NewTree(TreeInput{
		Spec: spec, Layout: l, Outputs: m.outputs, View: m.view,
		Date: time.Unix(2000, 0).UTC(), DependenciesDate: time.Unix(1000, 0).UTC(),
		Pinned: []env.Var{env.Literals("PROJECT_BASE", env.Set, l.Base)}, Manifest: []byte("{}"),
		Parts: []report.Part{{Language: "perl", Name: "perl", Runtime: true}, {Language: "perl", Name: "A"}, {Language: "perl", Name: "B"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestLayout says where things stand, by what the spec says of packages.
func TestLayout(t *testing.T) {
	shared := &runtimePackage{name: "envbuild-perl-5.36-abcdef01", prefix: "/opt/envbuild-perl-5.36-abcdef01", build: runtimePrefix}
	for name, c := range map[string]struct {
		spec   string
		shared *runtimePackage
		want   string
	}{
		"in place": {
			spec: "app: {files: [script]}",
			want: "/opt/web-sample/runtime /opt/web-sample/local base /opt/web-sample/app rc /opt/web-sample/env.rc current /opt/web-sample",
		},
		"without the application": {
			spec: "app: {base: /srv/checkout}",
			want: "/opt/web-sample/runtime /opt/web-sample/local base /srv/checkout rc /opt/web-sample/env.rc current /opt/web-sample",
		},
		"nothing said of the application": {
			want: "/opt/web-sample/runtime /opt/web-sample/local base /opt/web-sample rc /opt/web-sample/env.rc current /opt/web-sample",
		},
		"releases": {
			spec: "app: {files: [script]}\npackage: {releases: 3, prefix: /srv/web}",
			want: "/srv/web/bundle/b0b0b0b0b0b0/runtime /srv/web/bundle/b0b0b0b0b0b0/local base /srv/web/releases/1.0-1~bookworm1/app" +
				" rc /srv/web/releases/1.0-1~bookworm1/env.rc current /srv/web/current",
		},
		"a shared runtime": {
			spec: "app: {files: [script]}", shared: shared,
			want: "/opt/envbuild-perl-5.36-abcdef01 /opt/web-sample/local base /opt/web-sample/app rc /opt/web-sample/env.rc current /opt/web-sample",
		},
	} {
		l := placeSpec(newSpec(t, c.spec), c.shared)
		got := fmt.Sprintf("%s %s base %s rc %s current %s", l.Relocate(runtimePrefix), l.Relocate(bundlePrefix), l.Base, l.RC, l.Current)
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if c.shared == nil && l.release != nil && l.release.Interpreter != l.Relocate(runtimePrefix)+"/bin/perl" {
			t.Errorf("%s: the interpreter is %s", name, l.release.Interpreter)
		}
	}
}

// TestTree lists what a package has, where, of which step, and how old.
func TestTree(t *testing.T) {
	spec := newSpec(t, "app: {files: [script]}")
	l := placeSpec(spec, nil)
	m := makeOutputs(t, l)
	made := newTestTree(t, spec, l, m)
	var got []string
	for _, e := range made.Project() {
		if strings.HasPrefix(e.Path, "/opt") {
			got = append(got, fmt.Sprintf("%s %s %d %s", e.Path, e.Kind, e.Time.Unix(), cmp.Or(e.Origin, "-")))
		}
	}
	slices.Sort(got)
	want := []string{
		"/opt/web-sample/app directory -62135596800 -",
		"/opt/web-sample/app/script/web file -62135596800 -",
		"/opt/web-sample/env.rc file -62135596800 -",
		"/opt/web-sample/env.sh file -62135596800 -",
		"/opt/web-sample/local/bin directory 1000 A",
		"/opt/web-sample/local/bin/a file 1000 relocated",
		"/opt/web-sample/local/lib/A file 1000 A",
		"/opt/web-sample/local/lib/B file 1000 B",
		"/opt/web-sample/local/lib/Both file 1000 A",
		"/opt/web-sample/local/link symlink 1000 relocated",
		"/opt/web-sample/manifest.json file -62135596800 -",
		"/opt/web-sample/runtime/bin directory 1000 perl",
		"/opt/web-sample/runtime/bin/perl file 1000 perl",
		"/opt/web-sample/runtime/lib/Config file 1000 relocated",
		"/opt/web-sample/runtime/link symlink 1000 relocated",
	}
	if !slices.Equal(got, want) {
		t.Errorf("entries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if files := made.files[partKey("perl", "A", "")]; !slices.Contains(files, "/opt/web-sample/local/lib/Both") || slices.Contains(made.files[partKey("perl", "B", "")], "/opt/web-sample/local/lib/Both") {
		t.Errorf("a file of two steps counts for %q", files)
	}
	// Whoever changes what it was given changes nothing here.
	made.Project()[0].Path = "/elsewhere"
	if made.Project()[0].Path == "/elsewhere" {
		t.Error("the tree changed")
	}
}

// TestTreeOfSharedRuntime leaves the runtime out of the project's package.
func TestTreeOfSharedRuntime(t *testing.T) {
	spec := newSpec(t, "package: {releases: 2}")
	l := placeSpec(spec, &runtimePackage{name: "envbuild-perl-5.36-abcdef01", prefix: "/opt/perl", build: runtimePrefix})
	made := newTestTree(t, spec, l, makeOutputs(t, l))
	for _, e := range made.Project() {
		if tree.Within(e.Path, "/opt/perl") {
			t.Errorf("the project's package has %s", e.Path)
		}
	}
	if n := len(made.Runtime()); n != 4 {
		t.Errorf("the runtime's package has %d entries: %+v", n, made.Runtime())
	}
	if parts := partsOf(made.parts, "perl", true); len(parts) != 1 || parts[0].Name != "perl" {
		t.Errorf("its parts are %+v", parts)
	}
}

// TestEarlyEntries compresses ahead nothing but what the package then has, as it
// has it.
func TestEarlyEntries(t *testing.T) {
	for _, text := range []string{"package: {releases: 0}", "package: {releases: 2}"} {
		spec := newSpec(t, text)
		l := placeSpec(spec, nil)
		m := makeOutputs(t, l)
		inPackage := map[string]tree.Entry{}
		for _, e := range l.dpkgEntries(newTestTree(t, spec, l, m).project) {
			inPackage[e.Path] = e
		}
		for i, want := range []int{1, 2, 2} {
			early, err := l.earlyEntries(m.outputs[i], time.Unix(1000, 0).UTC())
			if err != nil {
				t.Fatal(err)
			}
			if len(early) != want {
				t.Errorf("%s: %d entries of %s: %+v", text, len(early), m.outputs[i].Step.Name, early)
			}
			for _, e := range early {
				is := inPackage[e.Path]
				is.Source, e.Source = "", ""
				if m.outputs[i].Step.Name != "B" && !reflect.DeepEqual(is, e) {
					t.Errorf("%s: ahead %+v, in the package %+v", text, e, is)
				}
			}
		}
	}
}
