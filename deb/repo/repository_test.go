package repo_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// xzPath is the program's path; setup installs it.
func xzPath(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("xz")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func setup(dist string) repo.Setup {
	return repo.Setup{Name: "test", Settings: repo.Settings{
		Distribution: dist, Origin: "Test", Label: "Test", Components: []string{"main"}, Architectures: []string{"amd64"},
	}}
}

// bed is a repository for a test.
type bed struct {
	t       *testing.T
	storage repo.Storage
	opts    repo.Options
	*repo.Repository
}

// newBed makes a repository in memory with a distribution "stable".
func newBed(t *testing.T) *bed {
	t.Helper()
	now := repotest.Clock()
	b := &bed{t: t, storage: repotest.NewMemory(now), opts: repo.Options{
		Signers: []repo.Signer{repotest.Signer(t, "key", now)}, XZ: xzPath(t), Now: now,
	}}
	b.init(setup("stable"))
	return b
}

func (b *bed) init(s repo.Setup) {
	b.t.Helper()
	r, err := repo.Init(b.t.Context(), b.storage, s, b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Repository = r
}

func (b *bed) read(name string) []byte {
	b.t.Helper()
	f, err := b.storage.Get(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// index reads an index in all its variants, which have to be one text.
func (b *bed) index(name string) string {
	b.t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b.read(name + ".gz")))
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		b.t.Fatal(err)
	}
	x, err := xz.NewReader(bytes.NewReader(b.read(name + ".xz")))
	if err != nil {
		b.t.Fatal(err)
	}
	other, err := io.ReadAll(x)
	if err != nil || !bytes.Equal(other, text) {
		b.t.Errorf("%s: .xz and .gz differ, %v", name, err)
	}
	return string(text)
}

// names lists what an index has: "hello 1.0 all".
func (b *bed) names(dist, arch string) []string {
	b.t.Helper()
	var out []string
	for _, s := range strings.SplitAfter(b.index("dists/"+dist+"/main/binary-"+arch+"/Packages"), "\n\n") {
		f := map[string]string{}
		for line := range strings.Lines(s) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			f[name] = value
		}
		if s != "" {
			out = append(out, f["Package"]+" "+f["Version"]+" "+f["Architecture"])
		}
	}
	return out
}

func (b *bed) has(dist, arch string, want ...string) {
	b.t.Helper()
	if got := b.names(dist, arch); !slices.Equal(got, want) {
		b.t.Errorf("%s %s has %q, want %q", dist, arch, got, want)
	}
}

func (b *bed) generation() int {
	b.t.Helper()
	all, err := b.Generations(b.t.Context(), b.Distributions()[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return all[0].Number
}

func TestAdd(t *testing.T) {
	b := newBed(t)
	s := setup("stable")
	s.Settings.Architectures = []string{"arm64"}
	b.init(s)
	got := add(t, b.Repository, repotest.Deb{Name: "tool", Version: "1:2.0~rc1+b1-1", Arch: "amd64"}, repotest.Deb{Name: "libdata", Version: "1"})
	want := []string{"pool/t/tool/epoch-1/tool_2.0~rc1+b1-1_amd64.deb", "pool/libd/libdata/libdata_1_all.deb"}
	for i, p := range got {
		if p.File != want[i] || p.Already || p.Distribution != "stable" || p.Component != "main" {
			t.Errorf("published %+v, want file %s", p, want[i])
		}
	}
	b.has("stable", "amd64", "tool 1:2.0~rc1+b1-1 amd64", "libdata 1 all")
	b.has("stable", "arm64", "libdata 1 all")
	verify(t, b.Repository)
}

func TestAddAgain(t *testing.T) {
	b := newBed(t)
	hello := repotest.Deb{Name: "hello", Version: "1.0"}
	first := add(t, b.Repository, hello)
	before := b.generation()
	again := add(t, b.Repository, hello)
	if !again[0].Already || again[0].SHA256 != first[0].SHA256 || b.generation() != before {
		t.Errorf("the same bytes again: %+v, generation %d after %d", again, b.generation(), before)
	}
	hello.Content = "other"
	_, err := b.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, hello), repotest.MakeDeb(t, repotest.Deb{Name: "more", Version: "1"})})
	var conflict *repo.ConflictError
	if !errors.As(err, &conflict) || b.generation() != before {
		t.Errorf("other bytes: %v, want a ConflictError", err)
	}
	b.has("stable", "amd64", "hello 1.0 all")

	// It is one pool for all distributions, and for what was removed, too.
	if _, err := b.Remove(t.Context(), repo.Place{}, []repo.Selector{{Name: "hello"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, hello)}); !errors.As(err, &conflict) {
		t.Errorf("other bytes of what was removed: %v, want a ConflictError", err)
	}
	one, other := repotest.MakeDeb(t, repotest.Deb{Name: "two", Version: "1"}), repotest.MakeDeb(t, repotest.Deb{Name: "two", Version: "1", Content: "x"})
	if got, err := b.Add(t.Context(), repo.Place{}, []string{one, one}); err != nil || len(got) != 1 {
		t.Errorf("one file twice: %v, %v", got, err)
	}
	var bad *repo.PackageError
	if _, err := b.Add(t.Context(), repo.Place{}, []string{one, other}); !errors.As(err, &bad) {
		t.Errorf("two files of one package: %v, want a PackageError", err)
	}
	verify(t, b.Repository)
}

func TestAddRefuses(t *testing.T) {
	b := newBed(t)
	before := b.generation()
	good, err := os.ReadFile(repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1.0"}))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)-40] ^= 0xff
	for what, path := range map[string]string{
		"empty": write("a.deb", nil), "cut": write("a.deb", good[:len(good)/2]), "damaged": write("a.deb", flipped),
		"text": write("a.deb", []byte("text")), "missing": "none.deb",
		"another architecture": repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1.0", Arch: "arm64"}),
	} {
		ok := repotest.MakeDeb(t, repotest.Deb{Name: "fine", Version: "1.0"})
		_, err := b.Add(t.Context(), repo.Place{}, []string{ok, path})
		var bad *repo.PackageError
		if !errors.As(err, &bad) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v, want a PackageError", what, err)
		}
	}
	for what, place := range map[string]repo.Place{"distribution": {Distribution: "none"}, "component": {Component: "none"}} {
		var none *repo.NotFoundError
		if _, err := b.Add(t.Context(), place, []string{write("a.deb", good)}); !errors.As(err, &none) {
			t.Errorf("%s: %v, want a NotFoundError", what, err)
		}
	}
	if b.generation() != before {
		t.Error("there is a new generation")
	}
	b.has("stable", "amd64")
	verify(t, b.Repository)
}

// TestAddMany makes indexes of several large parts, in one go and one by one.
func TestAddMany(t *testing.T) {
	b := newBed(t)
	long := strings.Repeat("x", 4000)
	var paths, want []string
	dir := t.TempDir()
	for i := range 150 {
		d := repotest.Deb{Name: fmt.Sprintf("package-%03d", i), Version: "1", Depends: []string{"dep-" + long}}
		path, err := d.Make(dir)
		if err != nil {
			t.Fatal(err)
		}
		paths, want = append(paths, path), append(want, d.Name+" 1 all")
	}
	publish := func(from, to int) {
		t.Helper()
		if _, err := b.Add(t.Context(), repo.Place{}, paths[from:to]); err != nil {
			t.Fatal(err)
		}
	}
	publish(0, 100)
	for i := 100; i < 150; i++ {
		publish(i, i+1)
	}
	b.has("stable", "amd64", want...)
	if _, err := b.Remove(t.Context(), repo.Place{}, []repo.Selector{{Name: "package-003"}, {Name: "package-149"}}); err != nil {
		t.Fatal(err)
	}
	b.has("stable", "amd64", slices.Delete(slices.Clone(want[:149]), 3, 4)...)
	verify(t, b.Repository)
}

func TestRemoveAndCopy(t *testing.T) {
	b := newBed(t)
	b.init(setup("staging"))
	for _, v := range []string{"1.0", "2.0~rc1", "2.0"} {
		_, err := b.Add(t.Context(), repo.Place{Distribution: "staging"}, []string{
			repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: v}),
			repotest.MakeDeb(t, repotest.Deb{Name: "tool", Version: v, Arch: "amd64"}),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	from, to := repo.Place{Distribution: "staging"}, repo.Place{Distribution: "stable"}
	copied, err := b.Copy(t.Context(), from, to, []repo.Selector{{Name: "hello"}, {Name: "tool", Version: "1.0"}})
	if err != nil || len(copied) != 2 {
		t.Fatalf("copied %v, %v", copied, err)
	}
	b.has("stable", "amd64", "hello 2.0 all", "tool 1.0 amd64")
	if copied, err = b.Copy(t.Context(), from, to, []repo.Selector{{Name: "hello"}}); err != nil || !copied[0].Already {
		t.Errorf("copied again: %v, %v", copied, err)
	}
	var none *repo.NotFoundError
	if _, err := b.Copy(t.Context(), from, to, []repo.Selector{{Name: "hello", Version: "9"}}); !errors.As(err, &none) {
		t.Errorf("copy what isn't there: %v, want a NotFoundError", err)
	}
	removed, err := b.Remove(t.Context(), from, []repo.Selector{{Name: "hello", Version: "1.0"}, {Name: "tool", Architecture: "amd64"}})
	if err != nil || len(removed) != 4 {
		t.Fatalf("removed %v, %v", removed, err)
	}
	b.has("staging", "amd64", "hello 2.0~rc1 all", "hello 2.0 all")
	if _, err := b.Remove(t.Context(), from, []repo.Selector{{Name: "hello", Architecture: "amd64"}}); !errors.As(err, &none) {
		t.Errorf("remove what isn't there: %v, want a NotFoundError", err)
	}
	verify(t, b.Repository)
}

func TestRollback(t *testing.T) {
	b := newBed(t)
	for _, v := range []string{"1", "2", "3"} { // generations 2 to 4
		add(t, b.Repository, repotest.Deb{Name: "hello", Version: v})
	}
	g, err := b.Rollback(t.Context(), "", 0)
	if err != nil || g.Number != 5 {
		t.Fatalf("generation %+v, %v", g, err)
	}
	b.has("stable", "amd64", "hello 1 all", "hello 2 all")
	if _, err := b.Rollback(t.Context(), "", 2); err != nil {
		t.Fatal(err)
	}
	b.has("stable", "amd64", "hello 1 all")
	for _, number := range []int{7, 99} {
		var none *repo.NotFoundError
		if _, err := b.Rollback(t.Context(), "", number); !errors.As(err, &none) {
			t.Errorf("generation %d: %v, want a NotFoundError", number, err)
		}
	}
	all, err := b.Generations(t.Context(), "")
	if err != nil || len(all) != 6 {
		t.Fatalf("%d generations, %v", len(all), err)
	}
	for i := 1; i < len(all); i++ {
		if !all[i-1].Date.After(all[i].Date) || all[i-1].Date.After(time.Now()) {
			t.Errorf("generation %d is of %s, the one before of %s", all[i-1].Number, all[i-1].Date, all[i].Date)
		}
	}
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "3"}) // its file is there still
	b.has("stable", "amd64", "hello 1 all", "hello 3 all")
	verify(t, b.Repository)
}

func TestContents(t *testing.T) {
	b := newBed(t)
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
	s, yes := setup("stable"), true
	s.Contents, s.Settings.Architectures = &yes, []string{"arm64"}
	b.init(s) // both come later
	add(t, b.Repository, repotest.Deb{Name: "tool", Version: "1", Arch: "amd64", Path: "/usr/bin/a tool"})
	b.has("stable", "arm64", "hello 1 all")
	files := func(arch string) (out []string) {
		for line := range strings.Lines(b.index("dists/stable/main/Contents-" + arch)) {
			if i := strings.LastIndex(line, " "); !strings.Contains(line, "/doc/") {
				out = append(out, strings.TrimSpace(line[:i])+"|"+strings.TrimSpace(line[i:]))
			}
		}
		return out
	}
	if got := files("amd64"); !slices.Equal(got, []string{"usr/share/hello/content|misc/hello", "usr/bin/a tool|misc/tool"}) {
		t.Errorf("Contents-amd64 has %q", got)
	}
	if got := files("arm64"); !slices.Equal(got, []string{"usr/share/hello/content|misc/hello"}) {
		t.Errorf("Contents-arm64 has %q", got)
	}
	if _, err := b.Remove(t.Context(), repo.Place{}, []repo.Selector{{Name: "hello"}}); err != nil {
		t.Fatal(err)
	}
	if got := files("arm64"); len(got) > 0 {
		t.Errorf("Contents-arm64 has %q", got)
	}
	verify(t, b.Repository)
}

func TestSettings(t *testing.T) {
	b := newBed(t)
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
	before := b.generation()
	b.init(setup("stable"))
	if b.generation() != before {
		t.Error("the same settings made a generation")
	}
	s, yes := setup("stable"), true
	s.OnlyCompressed = &yes
	b.init(s)
	if _, err := b.storage.Get(t.Context(), "dists/stable/main/binary-amd64/Packages"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an uncompressed index is there: %v", err)
	}
	b.has("stable", "amd64", "hello 1 all")
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "2"})
	verify(t, b.Repository)
	for what, change := range map[string]func(*repo.Setup){
		"origin":       func(s *repo.Setup) { s.Settings.Origin = "Other" },
		"label":        func(s *repo.Setup) { s.Settings.Label = "Other" },
		"distribution": func(s *repo.Setup) { s.Settings.Distribution = "../x" },
		"component":    func(s *repo.Setup) { s.Settings.Components = []string{"a/b"} },
		"architecture": func(s *repo.Setup) { s.Settings.Architectures = []string{"all"} },
		"description":  func(s *repo.Setup) { s.Settings.Description = "two\nlines" },
		"URL":          func(s *repo.Setup) { s.URL = "not an address" },
		"name":         func(s *repo.Setup) { s.Name = "A/B" },
	} {
		s := setup("stable")
		change(&s)
		var wrong *repo.SettingsError
		if _, err := repo.Init(t.Context(), b.storage, s, b.opts); !errors.As(err, &wrong) {
			t.Errorf("%s: %v, want a SettingsError", what, err)
		}
	}
	verify(t, b.Repository)
}

// TestWithoutXZ lets publishers with and without the program take turns.
func TestWithoutXZ(t *testing.T) {
	b := newBed(t)
	with := b.opts
	for i := range 4 {
		opts := with
		if i%2 == 1 {
			opts.XZ = ""
		}
		r, err := repo.Open(t.Context(), b.storage, opts)
		if err != nil {
			t.Fatal(err)
		}
		add(t, r, repotest.Deb{Name: "hello", Version: fmt.Sprint(i), Depends: []string{"dep-" + strings.Repeat("x", 100_000)}})
		verify(t, r)
		_, err = b.storage.Get(t.Context(), "dists/stable/main/binary-amd64/Packages.xz")
		if (err == nil) != (i%2 == 0) {
			t.Errorf("publication %d: Packages.xz: %v", i, err)
		}
	}
}

func TestClock(t *testing.T) {
	b := newBed(t)
	last := b.opts.Now()
	b.opts.Now = func() time.Time { return last.Add(-time.Minute) }
	r, err := repo.Open(t.Context(), b.storage, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	var clock *repo.ClockError
	if _, err := r.Add(t.Context(), repo.Place{}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1"})}); !errors.As(err, &clock) {
		t.Errorf("a clock that went back: %v, want a ClockError", err)
	}
	b.has("stable", "amd64")
}

// TestRace lets eight publishers without a lock publish at once.
func TestRace(t *testing.T) {
	b := newBed(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for v := range 3 {
				r, err := repo.Open(t.Context(), b.storage, b.opts)
				if err != nil {
					t.Error(err)
					return
				}
				path := repotest.MakeDeb(t, repotest.Deb{Name: fmt.Sprintf("hello%d", i), Version: fmt.Sprint(v)})
				if _, err := r.Add(t.Context(), repo.Place{}, []string{path}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := b.names("stable", "amd64"); len(got) != 24 {
		t.Errorf("%d of 24 packages are there: %q", len(got), got)
	}
	v := verify(t, b.Repository)
	if v.Generations != 25 {
		t.Errorf("%d generations, want 25", v.Generations)
	}
}

func readFile(path string) ([]byte, error) { return os.ReadFile(path) }
