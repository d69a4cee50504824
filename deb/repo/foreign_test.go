package repo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/envbuild/envbuild/deb/repo"
	"github.com/envbuild/envbuild/deb/repo/repotest"
	"github.com/envbuild/envbuild/deb/repo/sign"
)

// stranger is somebody who can write to the storage and has a key of their own.
func (b *bed) stranger() repo.Options {
	b.t.Helper()
	opts := b.opts
	opts.Signers = []repo.Signer{repotest.Signer(b.t, "stranger", b.opts.Now)}
	return opts
}

// put writes a file as somebody does who needn't ask.
func (b *bed) put(name string, data []byte) {
	b.t.Helper()
	if err := b.storage.Replace(b.t.Context(), name, data, repo.Any); err != nil {
		b.t.Fatal(err)
	}
}

// copyAll copies the files of another storage over those that are there.
func (b *bed) copyAll(from *bed) {
	b.t.Helper()
	for e, err := range from.storage.(repo.Lister).List(b.t.Context(), "") {
		if err != nil {
			b.t.Fatal(err)
		}
		b.put(e.Name, from.read(e.Name))
	}
}

// remembered changes the repository's configuration, which nobody signs.
func (b *bed) remembered(change func(map[string]any)) {
	b.t.Helper()
	const name = ".envbuild/repository.json"
	var c map[string]any
	if err := json.Unmarshal(b.read(name), &c); err != nil {
		b.t.Fatal(err)
	}
	change(c)
	data, err := json.Marshal(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.put(name, data)
}

// foreign fails unless an operation on what a stranger wrote was refused, and
// InRelease is as the stranger left it.
func (b *bed) foreign(what string, do func() error) {
	b.t.Helper()
	was := b.read("dists/stable/InRelease")
	err := do()
	var signature *sign.SignatureError
	if !errors.As(err, &signature) {
		b.t.Errorf("%s: %v, want a SignatureError", what, err)
	}
	if !bytes.Equal(b.read("dists/stable/InRelease"), was) {
		b.t.Errorf("%s: what a stranger published was signed", what)
	}
}

// TestForeign refuses to build on what a stranger put into the storage.
func TestForeign(t *testing.T) {
	b := newBed(t)
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
	r, err := repo.Open(t.Context(), b.storage, b.stranger())
	if err != nil {
		t.Fatal(err)
	}
	path := repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "2"})
	b.foreign("add", func() error { _, err := r.Add(t.Context(), repo.Place{}, []string{path}); return err })
	foreign := "Origin: x\nSuite: stable\nDate: Tue, 14 Nov 2023 22:13:20 UTC\nSHA256:\n"
	inline, _, err := b.opts.Signers[0].Sign(t.Context(), []byte(foreign))
	if err != nil {
		t.Fatal(err)
	}
	b.put("dists/stable/InRelease", inline)
	var notOurs *repo.NotOursError
	if _, err := b.Add(t.Context(), repo.Place{}, []string{path}); !errors.As(err, &notOurs) {
		t.Errorf("a repository of another program: %v, want a NotOursError", err)
	}
}

// TestForeignInit has somebody without our keys replace the whole repository, and
// the keys that it remembers, by their own. Nothing of it may get our signature.
func TestForeignInit(t *testing.T) {
	b := newBed(t)
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
	theirs := &bed{t: t, storage: repotest.NewMemory(b.opts.Now), opts: b.stranger()}
	theirs.init(setup("stable"))
	add(t, theirs.Repository, repotest.Deb{Name: "hello", Version: "99"})
	init := func(s repo.Setup, signers ...repo.Signer) func() error {
		return func() error {
			opts := b.opts
			opts.Signers = append(signers, opts.Signers...)
			_, err := repo.Init(t.Context(), b.storage, s, opts)
			return err
		}
	}
	b.copyAll(theirs) // with their repository.json
	b.foreign("the same settings", init(setup("stable")))
	b.foreign("more keys", init(setup("stable"), repotest.Signer(t, "fresh", b.opts.Now)))
	b.foreign("another distribution", init(setup("other")))
	bare := repo.Setup{Settings: repo.Settings{Distribution: "other", Architectures: []string{"amd64"}}}
	ours, err := b.opts.Signers[0].PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.remembered(func(c map[string]any) { c["keys"] = ours })
	b.foreign("another distribution, with the origin of what is there", init(bare))
	b.remembered(func(c map[string]any) { c["distributions"] = []string{} }) // then publish's create makes it
	b.foreign("a distribution that isn't listed", init(setup("stable")))
	b.remembered(func(c map[string]any) { c["keys"] = []byte{} })
	b.foreign("no keys are remembered", init(setup("stable")))
	if err := b.storage.Remove(t.Context(), ".envbuild/repository.json"); err != nil {
		t.Fatal(err)
	}
	b.foreign("no repository.json", init(setup("stable")))
}

// TestForeignKeys has another key remembered for a repository that is ours: the
// keys that clients get are the signers'.
func TestForeignKeys(t *testing.T) {
	b := newBed(t)
	add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})
	theirs, err := b.stranger().Signers[0].PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.remembered(func(c map[string]any) { c["keys"] = theirs })
	b.init(setup("stable"))
	files, err := b.WriteClientFiles(t.Context(), "file:/srv/apt")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := b.opts.Signers[0].PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.read(files.Keyring), ours) {
		t.Error("clients get a key of nobody who signs")
	}
	b.has("stable", "amd64", "hello 1 all")
	verify(t, b.Repository)
	// A distribution that was never published needs no new signature.
	b.remembered(func(c map[string]any) { c["distributions"], c["keys"] = []string{"gone", "stable"}, theirs })
	var none *repo.NotFoundError
	if _, err := repo.Init(t.Context(), b.storage, setup("stable"), b.opts); !errors.As(err, &none) {
		t.Errorf("a distribution that isn't there: %v, want a NotFoundError", err)
	}
}

// TestForeignPool lists the files of a package that was changed in the pool.
func TestForeignPool(t *testing.T) {
	b := newBed(t)
	file := add(t, b.Repository, repotest.Deb{Name: "hello", Version: "1"})[0].File
	other, err := readFile(repotest.MakeDeb(t, repotest.Deb{Name: "hello", Version: "1", Path: "/usr/bin/other"}))
	if err != nil {
		t.Fatal(err)
	}
	b.put(file, other)
	s, yes := setup("stable"), true
	s.Contents = &yes
	var damaged *repo.StateError
	if _, err := repo.Init(t.Context(), b.storage, s, b.opts); !errors.As(err, &damaged) || damaged.File != file {
		t.Errorf("Init = %v, want a StateError of %s", err, file)
	}
}
