package repo_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
)

// newDirectoryBed is newBed with a directory, which has a lock.
func newDirectoryBed(t *testing.T) *bed {
	t.Helper()
	now := repotest.Clock()
	b := &bed{t: t, storage: repo.NewDirectory(t.TempDir(), now), opts: repo.Options{
		Signers: []repo.Signer{repotest.Signer(t, "key", now)}, XZ: xzPath(t), Now: now,
	}}
	b.init(setup("stable"))
	return b
}

func (b *bed) exists(name string) bool {
	b.t.Helper()
	f, err := b.storage.Get(b.t.Context(), name)
	if err == nil {
		f.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		b.t.Error(err)
	}
	return err == nil
}

func (b *bed) gc(p repo.Policy) repo.Collected {
	b.t.Helper()
	c, err := b.GC(b.t.Context(), p)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestGC(t *testing.T) {
	b := newDirectoryBed(t)
	b.init(setup("other"))
	for v := range 5 { // generations 2 to 6
		_, err := b.Add(t.Context(), repo.Place{Distribution: "stable"}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: fmt.Sprint(v)})})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Copy(t.Context(), repo.Place{Distribution: "stable"}, repo.Place{Distribution: "other"}, []repo.Selector{{Name: "hello", Version: "0"}}); err != nil {
		t.Fatal(err)
	}
	dry := b.gc(repo.Policy{Generations: 1, Versions: 2, DryRun: true})
	if len(dry.Packages) != 3 || dry.Generations == 0 || b.generation() != 6 {
		t.Errorf("a dry run: %+v, generation %d", dry, b.generation())
	}
	if c := b.gc(repo.Policy{Generations: 100}); c.Files > 0 {
		t.Errorf("with 100 generations: %+v", c)
	}
	c := b.gc(repo.Policy{Generations: 2, Versions: 2})
	if len(c.Packages) != 3 || c.Generations != 5 {
		t.Errorf("collected %+v", c)
	}
	b.has("stable", "amd64", "hello 3 all", "hello 4 all")
	b.has("other", "amd64", "hello 0 all")
	// The generation before has all five still.
	if !b.exists("pool/h/hello/hello_1_all.deb") {
		t.Error("a file of a kept generation was removed")
	}
	verify(t, b.Repository)
	if _, err := b.Rollback(t.Context(), "stable", 0); err != nil {
		t.Fatal(err)
	}
	b.has("stable", "amd64", "hello 0 all", "hello 1 all", "hello 2 all", "hello 3 all", "hello 4 all")
	b.gc(repo.Policy{Generations: 1, Versions: 1})
	b.gc(repo.Policy{Generations: 1})
	for v, want := range []bool{true, false, false, false, true} {
		if got := b.exists(fmt.Sprintf("pool/h/hello/hello_%d_all.deb", v)); got != want {
			t.Errorf("hello %d is there: %t, want %t", v, got, want)
		}
	}
	v := verify(t, b.Repository)
	if v.Generations != 2 || v.Packages != 2 {
		t.Errorf("left are %+v", v)
	}
	// What was forgotten may come again with other bytes.
	_, err := b.Add(t.Context(), repo.Place{Distribution: "stable"}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "2", Content: "new"})})
	if err != nil {
		t.Error(err)
	}
}

func TestGCGrace(t *testing.T) {
	b := newDirectoryBed(t)
	for v := range 4 {
		add(t, b.Repository, repotest.Deb{Name: "hello", Version: fmt.Sprint(v)})
	}
	if c := b.gc(repo.Policy{Generations: 1, Grace: time.Hour}); c.Files > 0 {
		t.Errorf("what was current within the hour: %+v", c)
	}
	if c := b.gc(repo.Policy{Generations: 1}); c.Generations != 4 {
		t.Errorf("without a grace: %+v", c)
	}
	verify(t, b.Repository)
}

// TestGCWithoutLock looks at how gc and publishers agree where they can't exclude
// each other.
func TestGCWithoutLock(t *testing.T) {
	b := newBed(t)
	for v := range 3 {
		add(t, b.Repository, repotest.Deb{Name: "hello", Version: fmt.Sprint(v)})
	}
	if _, err := b.Remove(t.Context(), repo.Place{}, []repo.Selector{{Name: "hello"}}); err != nil {
		t.Fatal(err)
	}
	policy := repo.Policy{Generations: 1, Grace: time.Minute}
	minute := func() { // the clock goes on a second each time
		for range 60 {
			b.opts.Now()
		}
	}
	minute()
	c := b.gc(policy)
	if c.Files > 0 || c.Waiting == 0 {
		t.Errorf("the first run: %+v", c)
	}
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"}) // pardoned
	minute()
	c = b.gc(policy)
	if c.Files == 0 {
		t.Errorf("the second run: %+v", c)
	}
	for v, want := range []bool{false, true, false} {
		if got := b.exists(fmt.Sprintf("pool/h/hello/hello_%d_all.deb", v)); got != want {
			t.Errorf("hello %d is there: %t, want %t", v, got, want)
		}
	}
	verify(t, b.Repository)
	// A gc that was killed while it removed keeps publishers from what it removes.
	err := b.storage.Create(t.Context(), "pool/h/hello/hello_2_all.deb", fileContent(t, repotest.Deb{Name: "hello", Version: "2"}))
	if err != nil {
		t.Fatal(err)
	}
	list := `{"files":{},"removing":["pool/h/hello/hello_2_all.deb"]}`
	if err := b.storage.Replace(t.Context(), ".envbuild/condemned.json", []byte(list), repo.Any); err != nil {
		t.Fatal(err)
	}
	path := repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "2"})
	var removing *repo.RemovingError
	if _, err := b.Add(t.Context(), repo.Place{}, []string{path}); !errors.As(err, &removing) {
		t.Errorf("add what is being removed: %v, want a RemovingError", err)
	}
	b.gc(policy)
	if b.exists("pool/h/hello/hello_2_all.deb") {
		t.Error("gc didn't end the work of the one before")
	}
	if _, err := b.Add(t.Context(), repo.Place{}, []string{path}); err != nil {
		t.Error(err)
	}
	verify(t, b.Repository)
}

func fileContent(t *testing.T, d repotest.Deb) repo.Content {
	t.Helper()
	data, err := readFile(repotest.MakeDeb(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return repo.Bytes(data)
}

// TestGCUnknownDistribution keeps what init published and didn't write down.
func TestGCUnknownDistribution(t *testing.T) {
	b := newDirectoryBed(t)
	config := b.read(".envbuild/repository.json")
	b.init(setup("forgotten"))
	_, err := b.Add(t.Context(), repo.Place{Distribution: "forgotten"}, []string{repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1"})})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.storage.Replace(t.Context(), ".envbuild/repository.json", config, repo.Any); err != nil {
		t.Fatal(err)
	}
	r, err := repo.Open(t.Context(), b.storage, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.GC(t.Context(), repo.Policy{Generations: 1}); err != nil {
		t.Fatal(err)
	}
	b.init(setup("forgotten"))
	b.has("forgotten", "amd64", "hello 1 all")
	verify(t, b.Repository)
}

// TestVerify damages every file of a repository in turn.
func TestVerify(t *testing.T) {
	b := newBed(t)
	s, yes := setup("stable"), true
	s.Contents = &yes
	b.init(s)
	for v := range 2 {
		add(t, b.Repository, repotest.Deb{Name: "hello", Version: fmt.Sprint(v)})
	}
	verify(t, b.Repository)
	var names []string
	for e, err := range b.storage.(repo.Lister).List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == ".envbuild/repository.json" { // it says what is to be looked at
			continue
		}
		good := b.read(name)
		for what, bad := range map[string][]byte{"changed": flip(good), "cut": good[:len(good)/2], "missing": nil} {
			if string(bad) == string(good) && bad != nil {
				continue // half of nothing
			}
			if err := b.storage.Remove(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if bad != nil {
				if err := b.storage.Replace(t.Context(), name, bad, repo.Any); err != nil {
					t.Fatal(err)
				}
			}
			v, err := b.Verify(t.Context(), nil)
			// A record that is missing is the end of what gc left.
			ended := what == "missing" && strings.Contains(name, "/generations/")
			if err != nil || len(v.Problems) == 0 && !ended {
				t.Errorf("%s %s: %v, no problem was found", name, what, err)
			}
		}
		if err := b.storage.Replace(t.Context(), name, good, repo.Any); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, b.Repository)
	stranger, err := repotest.Signer(t, "stranger", b.opts.Now).PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := b.Verify(t.Context(), stranger); err != nil || len(v.Problems) == 0 {
		t.Errorf("verified with a stranger's key: %v, %v", v, err)
	}
}

func flip(b []byte) []byte {
	out := slices.Clone(b)
	if len(out) == 0 {
		return []byte{0}
	}
	out[len(out)/2] ^= 1
	return out
}
