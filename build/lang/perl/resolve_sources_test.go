package perl

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/build/lang"
	"github.com/envbuild/envbuild/build/plan"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/pkgspec"
)

// world is a project with mirrors, all in memory but for the archives, which are
// real files.
type world struct {
	t       testing.TB
	dir     string
	mirrors map[string]map[string][]byte // by address and path
	down    map[string]error             // mirrors that can't be asked
	files   map[string]string            // of the project
	facts   map[string][]byte

	mu    sync.Mutex
	asked []string
}

const (
	publicMirror  = "https://public.example/"
	privateMirror = "http://private.example/"
)

func newWorld(t testing.TB) *world {
	return &world{
		t: t, dir: t.TempDir(), files: map[string]string{}, facts: map[string][]byte{},
		mirrors: map[string]map[string][]byte{publicMirror: {}, privateMirror: {}}, down: map[string]error{},
	}
}

func (w *world) Read(_ context.Context, mirror, name string) ([]byte, error) {
	if err := w.down[mirror]; err != nil {
		return nil, err
	}
	data, ok := w.mirrors[mirror][name]
	if !ok {
		return nil, fmt.Errorf("%s%s: %w", mirror, name, lang.ErrNotFound)
	}
	return data, nil
}

func (w *world) Find(ctx context.Context, mirrors []string, name string) (lang.Archive, error) {
	for _, mirror := range mirrors {
		data, err := w.Read(ctx, mirror, name)
		if err == nil {
			a := w.keep(path.Base(name), data)
			a.Mirror = mirror
			return a, nil
		}
		if w.down[mirror] != nil {
			return lang.Archive{}, fmt.Errorf("%s: %w", mirror, err)
		}
	}
	return lang.Archive{}, fmt.Errorf("%s: %w", name, lang.ErrNotFound)
}

// Pinned finds distributions by their digest. The runtime's is the catalogue's,
// which no small archive has, so that it goes by its name.
func (w *world) Pinned(_ context.Context, src plan.Source) (lang.Archive, error) {
	if strings.HasPrefix(src.File, "perl-") {
		return w.keep(src.File, runtimeArchive(w.t)), nil
	}
	for _, mirror := range slices.Sorted(maps.Keys(w.mirrors)) {
		for _, data := range w.mirrors[mirror] {
			if digest.Sum(data) == src.SHA256 {
				return w.keep(src.File, data), nil
			}
		}
	}
	return lang.Archive{}, fmt.Errorf("%s: %w", src.Name, lang.ErrNotFound)
}

func (w *world) keep(name string, data []byte) lang.Archive {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, name)
	file := filepath.Join(w.dir, fmt.Sprintf("%d-%s", len(w.asked), name))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		w.t.Error(err)
	}
	return lang.Archive{File: file, SHA256: digest.Sum(data), Size: int64(len(data))}
}

func (w *world) LoadFacts(key string) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data, ok := w.facts[key]
	return data, ok
}

func (w *world) SaveFacts(key string, data []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts[key] = data
	return nil
}

func (w *world) readFile(name string) ([]byte, error) {
	text, ok := w.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// dist puts an archive onto a mirror. modules and requires are lines of "name
// version"; the phase of a requirement can stand before it: "configure: X 1".
func (w *world) dist(mirror, pathname, modules, requires string) {
	files := map[string]string{"META.json": metaJSON(modules, requires), "Makefile.PL": "use ExtUtils::MakeMaker;\n"}
	w.archive(mirror, pathname, files)
}

func (w *world) archive(mirror, pathname string, files map[string]string) {
	name, version := distName(pathname)
	data := tarGzip(w.t, name+"-"+version, files)
	w.mirrors[mirror][authorsPath+pathname] = data
}

// index writes a mirror's index from lines of "module version path".
func (w *world) index(mirror, lines string) {
	var b strings.Builder
	b.WriteString("File:         02packages.details.txt\nColumns:      package name, version, path\n\n")
	for line := range strings.Lines(lines) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	w.mirrors[mirror][indexPath] = []byte(b.String())
}

func metaJSON(modules, requires string) string {
	phases := map[string][]string{}
	for line := range strings.Lines(requires) {
		phase, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			phase, rest = "runtime", phase
		}
		if name, version, _ := strings.Cut(rest, " "); name != "" {
			phases[phase] = append(phases[phase], fmt.Sprintf("%q: %q", name, version))
		}
	}
	var prereqs []string
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		prereqs = append(prereqs, fmt.Sprintf(`%q: {"requires": {%s}}`, phase, strings.Join(phases[phase], ", ")))
	}
	var provides []string
	for line := range strings.Lines(modules) {
		if f := strings.Fields(line); len(f) == 2 {
			provides = append(provides, fmt.Sprintf(`%q: {"file": "x", "version": %q}`, f[0], f[1]))
		}
	}
	return fmt.Sprintf(`{"dynamic_config": 0, "prereqs": {%s}, "provides": {%s}}`,
		strings.Join(prereqs, ", "), strings.Join(provides, ", "))
}

func tarBytes(t testing.TB, top string, files map[string]string) []byte {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{
			Name: path.Join(top, name), Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg,
			ModTime: time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC),
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarGzip(t testing.TB, top string, files map[string]string) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write(tarBytes(t, top, files)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// runtimeArchive is a perl of one file.
func runtimeArchive(t testing.TB) []byte {
	const core = "package Module::CoreList;\n%delta = (\n 5.036000 => { changed => {\n" +
		"'strict' => '1.12', 'ExtUtils::MakeMaker' => '7.64', 'Test::More' => '1.302190', 'Encode' => '3.17',\n" +
		"'Scalar::Util' => '1.62', 'JSON::PP' => '4.07', 'Carp' => undef,\n } },\n);\n"
	var b bytes.Buffer
	zw, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"dist/Module-CoreList/lib/Module/CoreList.pm": core, "perl.c": "int main;"}
	if _, err := zw.Write(tarBytes(t, "perl-5.36.0", files)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// spec is a spec with these mirrors and perl 5.36.0.
func (w *world) spec() *pkgspec.Spec {
	return &pkgspec.Spec{
		File: "envbuild.yaml", Dir: w.dir, Name: "test",
		Runtimes: []pkgspec.Runtime{{Language: "perl", Constraint: "5.36.0"}},
		Dependencies: (&pkgspec.CPAN{
			Cpanfile: "cpanfile", Without: []string{"develop", "test"},
			Mirrors: []string{privateMirror, publicMirror},
		}).Dependencies(),
	}
}

func (w *world) request() lang.LockRequest {
	return lang.LockRequest{Spec: w.spec(), ReadFile: w.readFile, Sources: w}
}

// runPerl runs a script with the machine's perl.
func runPerl(t *testing.T, script string, stdin []byte) []byte {
	t.Helper()
	skiptest.Without(t, "perl")
	cmd := exec.Command("perl", "-e", script)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
