package toy_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build"
	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/lang/langtest/toy"
	"github.com/envbuild/envbuild/build/sandbox"
	"github.com/envbuild/envbuild/deploy"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/system"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/project"
)

// TestMain lets the sandbox start its child, which is this program again.
func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// program is the toy: it names the modules that it finds, and shows the generated
// file and what the step made of the modules.
const program = `#!/bin/sh
set -eu
IFS=:
for dir in $TOY_PATH; do
	cat "$dir"/*/name
	cat "$dir"/../share/*.conf "$dir"/../share/index
done
`

const spec = `
name: toy-box
version: 1.0.0
maintainer: Toy Team <toys@example.org>
description: a box of toys
runtime:
  toy: ^1
  kit: {version: ^1, build_only: false}
  jig: {version: ^1, build_only: true}
dependencies:
  toys: {registry: "REGISTRY"}
  kits: {registry: "REGISTRY", lock: kit.lock}
  jigs: {registry: "REGISTRY"}
env: {TOY_COLOUR: red}
`

// world is a project and the registry of its archives.
type world struct {
	dir, registry, cache string
	environ              []string
}

func newWorld(t *testing.T) world {
	t.Helper()
	// A short path: that of a view has to fit where the build's prefix is.
	dir, err := os.MkdirTemp("", "toy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("sh", "-c", `chmod -R u+w "$1" && rm -rf "$1"`, "sh", dir).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	w := world{dir: filepath.Join(dir, "p"), registry: filepath.Join(dir, "r"), cache: filepath.Join(dir, "c")}
	for _, d := range []string{w.dir, w.registry, w.cache} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, language := range []string{"toy", "kit", "jig"} {
		w.archive(t, language+"-"+toy.Release, "bin/"+language, program)
	}
	for _, name := range []string{"ball-1", "ball-2", "rope-3", "glue-1", "saw-1"} {
		w.archive(t, name, "name", name+"\n")
	}
	w.write(t, pkgspec.SpecName, strings.ReplaceAll(spec, "REGISTRY", "file://"+w.registry+"/"))
	w.write(t, "toys.lock", "rope 3 modules/rope\nball 2 modules/ball modules/rope/modules/ball\nball 1 modules/old-ball\n")
	w.write(t, "kit.lock", "glue 1 modules/glue\n")
	w.write(t, "jigs.lock", "saw 1 modules/saw\n")
	return w
}

func (w world) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// archive puts an archive of one file into the registry.
func (w world) archive(t *testing.T, name, file, text string) {
	t.Helper()
	var b bytes.Buffer
	out := tar.NewWriter(&b)
	h := &tar.Header{Name: name + "/" + file, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg, ModTime: time.Unix(1, 0)}
	_, err := out.Write(nil)
	if err = errors.Join(err, out.WriteHeader(h)); err == nil {
		_, err = out.Write([]byte(text))
	}
	if err := errors.Join(err, out.Close(), os.WriteFile(filepath.Join(w.registry, name+".tar"), b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func table() lang.Table { return lang.Table{toy.New("toy"), toy.New("kit"), toy.New("jig")} }

// open opens the project.
func (w world) open(t *testing.T) *project.Project {
	t.Helper()
	s, err := project.ReadSpec(w.dir, pkgspec.UseDeb, table(), func(path string) string { return path })
	if err != nil {
		t.Fatal(err)
	}
	p, err := project.Open(t.Context(), project.Options{
		Spec: s, Languages: table(), System: system.Open("/"), Cache: w.cache, Environ: w.environ, Now: time.Now, Jobs: 2,
		Emit: func(e build.Event) {
			if e.Err != nil {
				t.Logf("%s %s: %v", e.Kind, e.Name, e.Err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestFromSpecToInstalledPackage takes a language that nothing outside its directory
// knows through everything.
func TestFromSpecToInstalledPackage(t *testing.T) {
	w := newWorld(t)
	p := w.open(t)
	checkLock(t, w, p)
	debs, err := deploy.Debs(t.Context(), p, deploy.DebOptions{Dir: filepath.Join(w.dir, "out")})
	if err != nil {
		t.Fatal(err)
	}
	if len(debs) != 1 {
		t.Fatalf("packages are %+v", debs)
	}
	installed := install(t, debs[0].Path)
	got := installed("/opt/toy-box/env.sh", "toy-modules")
	want := strings.ReplaceAll(`ball-2
ball-1
rope-3
runtime=PREFIX/toy
modules=PREFIX/toys/modules
ball-2 ./modules/ball/name PREFIX/toys/modules/ball/name
ball-1 ./modules/old-ball/name PREFIX/toys/modules/old-ball/name
ball-2 ./modules/rope/modules/ball/name PREFIX/toys/modules/rope/modules/ball/name
rope-3 ./modules/rope/name PREFIX/toys/modules/rope/name
glue-1
runtime=PREFIX/kit
modules=PREFIX/kits/modules
glue-1 ./modules/glue/name PREFIX/kits/modules/glue/name
`, "PREFIX", "/opt/toy-box")
	if got != want {
		t.Errorf("the toy says\n%swant\n%s", got, want)
	}
	if files := installed("find", "/opt/toy-box"); strings.Contains(files, "jig") || strings.Contains(files, "saw") {
		t.Errorf("a language that is for builds only was shipped:\n%s", files)
	}
}

// checkLock locks twice, and once more on top of a stale lock.
func checkLock(t *testing.T, w world, p *project.Project) {
	t.Helper()
	if err := p.Lock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	lock, err := p.FreshLock()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, ll := range lock.Languages {
		for _, pin := range ll.Distributions {
			ids = append(ids, ll.Language+":"+pin.ID+":"+strings.Join(pin.Places, ","))
		}
	}
	if got, want := strings.Join(ids, " "), "jig:saw@1:modules/saw kit:glue@1:modules/glue toy:ball@1:modules/old-ball "+
		"toy:ball@2:modules/ball,modules/rope/modules/ball toy:rope@3:modules/rope"; got != want {
		t.Errorf("the lock has %s", got)
	}
	first, err := os.ReadFile(p.LockPath())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"toys.lock", "rope 3 modules/rope\n"}, {"kit.lock", ""}} {
		before, err := os.ReadFile(filepath.Join(w.dir, c[0]))
		if err != nil {
			t.Fatal(err)
		}
		w.write(t, c[0], c[1])
		var stale *project.LockError
		if _, err := p.FreshLock(); !errors.As(err, &stale) || !strings.Contains(stale.Error(), c[0]) {
			t.Errorf("after a change of %s: %v", c[0], err)
		}
		w.write(t, c[0], string(before))
	}
	// Two sides of a merge can leave a lock without a language.
	cut := bytes.Index(first, []byte("  toy:\n"))
	w.write(t, pkgspec.LockName, string(first[:cut]))
	var stale *project.LockError
	if _, err := p.FreshLock(); !errors.As(err, &stale) || !strings.Contains(stale.Error(), "it pins no toy") {
		t.Errorf("without a language: %v", err)
	}
	w.write(t, pkgspec.LockName, string(first)+"  zoo:\n    runtime:\n      version: \"1\"\n    distributions:\n")
	if _, err := p.FreshLock(); !errors.As(err, &stale) || !strings.Contains(stale.Error(), "it pins zoo, which envbuild.yaml doesn't have") {
		t.Errorf("with a language too many: %v", err)
	}
	w.write(t, pkgspec.LockName, string(first))
	if err := p.Lock(t.Context(), []string{"ball"}); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(p.LockPath()); err != nil || !bytes.Equal(again, first) {
		t.Errorf("locking again changed the lock: %v\n%s", err, again)
	}
	var unknown *lang.UnknownUpdateError
	if err := p.Lock(t.Context(), []string{"ball", "kite"}); !errors.As(err, &unknown) || unknown.Name != "kite" {
		t.Errorf("--update of a name that no language knows: %v", err)
	}
}

// TestLocalEnvironment makes the environment of a checkout.
func TestLocalEnvironment(t *testing.T) {
	w := newWorld(t)
	p := w.open(t)
	if err := p.Lock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	l, err := p.BuildLocal(t.Context(), project.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `TOY_PATH="$1/toys/modules" exec "$1/toy/bin/toy"`, "sh", l.Path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "rope-3") || !strings.Contains(string(out), "modules="+l.Path+"/toys/modules") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRegistryOfTheEnvironment takes the archives from elsewhere, for locking and
// for building, and says what is wrong with an address.
func TestRegistryOfTheEnvironment(t *testing.T) {
	w := newWorld(t)
	elsewhere := w.registry + "-2"
	if err := os.Rename(w.registry, elsewhere); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"TOY", "KIT", "JIG"} {
		w.environ = append(w.environ, name+"_REGISTRY=file://"+elsewhere+"/")
	}
	p := w.open(t)
	if err := p.Lock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := project.ReadSpec(w.dir, pkgspec.UseBuild, table(), func(path string) string { return path })
	if err != nil {
		t.Fatal(err)
	}
	_, err = project.Open(t.Context(), project.Options{
		Spec: s, Languages: table(), System: system.Open("/"), Cache: w.cache, Environ: []string{"TOY_REGISTRY=http://me:sesame@x/"},
		Emit: func(build.Event) {}, Now: time.Now, Jobs: 1,
	})
	var usage *project.UsageError
	if !errors.As(err, &usage) || strings.Contains(err.Error(), "sesame") {
		t.Errorf("with a password: %v", err)
	}
}

func TestSpecIsChecked(t *testing.T) {
	for section, want := range map[string]string{
		"{}":                       "dependencies.toys: names no registry",
		"{registry: x, lok: y}":    `unknown key "lok" in dependencies.toys`,
		"{registry: x, lock: /y}":  "inside the project",
		"{registry: x}\n  cogs: 1": `unknown key "cogs" in dependencies`,
	} {
		_, err := pkgspec.Parse("envbuild.yaml", []byte("name: toy-box\nruntime: {toy: 1}\ndependencies:\n  toys: "+section+"\n"), table().Formats()...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", section, err)
		}
	}
}

// TestRegistryWithToken locks from a registry that lets in who has the token of the
// language's own configuration, which goes nowhere else.
func TestRegistryWithToken(t *testing.T) {
	w := newWorld(t)
	files := http.FileServer(http.Dir(w.registry))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		inside := strings.HasPrefix(r.URL.Path, "/toys/")
		if (r.Header.Get("Authorization") == "Bearer sesame") != inside {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		http.StripPrefix(r.URL.Path[:strings.LastIndex(r.URL.Path, "/")], files).ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.environ = []string{"TOY_REGISTRY=" + server.URL + "/toys/", "KIT_REGISTRY=" + server.URL + "/kits/", "JIG_REGISTRY=" + server.URL + "/kits/"}
	if err := w.open(t).Lock(t.Context(), nil); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("without the token: %v", err)
	}
	w.environ = append(w.environ, "TOY_TOKEN=sesame")
	if err := w.open(t).Lock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(w.dir, pkgspec.LockName))
	if err != nil || strings.Contains(string(lock), "sesame") {
		t.Errorf("the lock holds the token: %v", err)
	}
}

// install installs a package in a clean Debian root and returns what runs programs
// there.
func install(t *testing.T, deb string) func(args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		skiptest.Because(t, "chroot and dpkg need root")
	}
	tarball, err := exec.Command("../../../../.ci/root").Output()
	if err != nil {
		skiptest.Because(t, "no Debian root can be made: %v", err)
	}
	root := t.TempDir()
	if out, err := exec.Command("tar", "-xf", strings.TrimSpace(string(tarball)), "-C", root).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("chroot", append([]string{root}, args...)...)
		cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	data, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "toy.deb"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	run("dpkg", "-i", "/toy.deb")
	return run
}
