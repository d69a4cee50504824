package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

func TestVerifyAll(t *testing.T) {
	s := open(t)
	sound := putOutput(t, s, map[string]string{"a": "1"})
	bad := putOutput(t, s, map[string]string{"a": "2"})
	write(t, bad.Tree+"/a", "3")
	write(t, filepath.Join(s.Root(), "sources", "aa", "nonsense"), "")
	write(t, filepath.Join(s.Root(), "actions", "aa", strings.Repeat("a", 64)), "{}")
	v, err := s.VerifyAll(t.Context())
	if err != nil || v.Checked != 4 || len(v.Damaged) != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := s.Output(t.Context(), sound.ID); err != nil {
		t.Error(err)
	}
	v, err = s.VerifyAll(t.Context())
	if err != nil || v.Checked != 1 || len(v.Damaged) != 0 {
		t.Errorf("again: %+v, %v", v, err)
	}
}

func TestGC(t *testing.T) {
	root, project := t.TempDir(), t.TempDir()
	now := time.Now()
	s := openAt(t, root, store.Options{Now: func() time.Time { return now }})
	used := putOutput(t, s, map[string]string{"a": "used"})
	unused := putOutput(t, s, map[string]string{"a": "unused"})
	orphan := putOutput(t, s, map[string]string{"a": "orphan"})
	key := digest.Key{1}
	if _, err := s.PutAction(t.Context(), &store.Action{Key: key, Output: used.ID}); err != nil {
		t.Fatal(err)
	}
	must(t, s.SetRoot(store.Root{Project: project, Keys: []digest.Key{key}}))
	must(t, s.SetRoot(store.Root{Project: project + "/gone", Outputs: []digest.ID{orphan.ID}}))
	now = now.Add(48 * time.Hour)
	recent := putOutput(t, s, map[string]string{"a": "recent"})
	must(t, os.Chtimes(filepath.Join(recent.Tree, "../manifest"), now, now))

	for _, dry := range []bool{true, false} {
		removed, err := s.GC(t.Context(), store.Policy{MaxAge: 24 * time.Hour, DryRun: dry})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(removed, func(u store.Usage) bool { return u.Kind == store.Outputs })
		if removed[i].Entries != 2 || removed[i].Bytes <= 0 {
			t.Errorf("dry %v: removed %+v", dry, removed)
		}
	}
	for out, kept := range map[*store.Output]bool{used: true, recent: true, unused: false, orphan: false} {
		if _, err := s.Output(t.Context(), out.ID); (err == nil) != kept {
			t.Errorf("%v: %v, want kept: %v", out.ID, err, kept)
		}
	}
	if _, err := s.GC(t.Context(), store.Policy{MaxBytes: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Output(t.Context(), recent.ID); !errors.Is(err, store.ErrMissing) {
		t.Errorf("over the limit and still there: %v", err)
	}
	if _, err := s.LookupAction(t.Context(), key); err != nil {
		t.Errorf("in use and gone: %v", err)
	}
}

func TestGCWhileOthersBuild(t *testing.T) {
	root := t.TempDir()
	s, other := openAt(t, root, store.Options{}), openAt(t, root, store.Options{})
	out := putOutput(t, other, map[string]string{"a": "1"})
	var busy *store.BusyError
	if _, err := s.GC(t.Context(), store.Policy{MaxBytes: 1}); !errors.As(err, &busy) || busy.Hint() == "" {
		t.Error(err)
	}
	must(t, s.Verify(t.Context(), out.ID))
	must(t, other.Close())
	if _, err := s.GC(t.Context(), store.Policy{MaxBytes: 1}); err != nil {
		t.Error(err)
	}
}

func TestStat(t *testing.T) {
	s := open(t)
	putOutput(t, s, map[string]string{"a": "1"})
	log, err := s.CreateLog(digest.Key{1})
	if err != nil {
		t.Fatal(err)
	}
	must(t, log.Close())
	stat, err := s.Stat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range stat {
		want := 0
		if u.Kind == store.Outputs || u.Kind == store.Logs {
			want = 1
		}
		if u.Entries != want {
			t.Errorf("%+v, want %d entries", u, want)
		}
	}
}
