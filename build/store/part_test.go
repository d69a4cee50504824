package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

func TestPart(t *testing.T) {
	var warned []error
	s := openAt(t, t.TempDir(), store.Options{Warn: func(err error) { warned = append(warned, err) }})
	key := digest.Key{1, 2}
	path := filepath.Join(s.Root(), "parts", key.String()[:2], key.String())
	if _, ok := s.Part(key); ok {
		t.Error("a part in an empty store")
	}
	for _, part := range [][]byte{[]byte("one"), nil, bytes.Repeat([]byte("two"), 1<<20)} {
		must(t, s.PutPart(key, part))
		if got, ok := s.Part(key); !ok || !bytes.Equal(got, part) {
			t.Errorf("%d bytes, %v; want %d", len(got), ok, len(part))
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[1000] ^= 1
	for name, damaged := range map[string][]byte{"flipped": flipped, "cut": whole[:len(whole)-1], "short": whole[:10], "empty": nil} {
		warned = nil
		must(t, os.RemoveAll(path))
		must(t, os.WriteFile(path, damaged, 0o444))
		if _, ok := s.Part(key); ok || len(warned) != 1 {
			t.Errorf("%s: %v, warned %v", name, ok, warned)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s: still there: %v", name, err)
		}
	}
}

func TestUpkeepOfParts(t *testing.T) {
	now := time.Now()
	s := openAt(t, t.TempDir(), store.Options{Now: func() time.Time { return now }})
	old, damaged, recent := digest.Key{1}, digest.Key{2}, digest.Key{3}
	for _, key := range []digest.Key{old, damaged, recent} {
		must(t, s.PutPart(key, []byte("part")))
	}
	path := filepath.Join(s.Root(), "parts", damaged.String()[:2], damaged.String())
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, []byte("damaged"), 0o444))
	if v, err := s.VerifyAll(t.Context()); err != nil || v.Checked != 3 || len(v.Damaged) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	now = now.Add(48 * time.Hour)
	if _, ok := s.Part(recent); !ok { // which notes the use
		t.Error("no part")
	}
	removed, err := s.GC(t.Context(), store.Policy{MaxAge: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(removed, func(u store.Usage) bool { return u.Kind == store.Parts })
	if removed[i].Entries != 1 {
		t.Errorf("%+v", removed)
	}
	for key, kept := range map[digest.Key]bool{old: false, damaged: false, recent: true} {
		if _, ok := s.Part(key); ok != kept {
			t.Errorf("%s: there %v, want %v", key.Short(), ok, kept)
		}
	}
}
