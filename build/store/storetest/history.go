package storetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// History is the part of a store that remembers earlier builds.
type History interface {
	LastKeys(project, target string) map[string]digest.Key
	SetLastKeys(project, target string, keys map[string]digest.Key) error
	Duration(step, version string) time.Duration
}

// Facts is the part of a store that keeps what was computed from content.
type Facts interface {
	Fact(kind string, of digest.SHA256) ([]byte, bool)
	PutFact(kind string, of digest.SHA256, data []byte) error
}

// TestHistory runs the suite for the history, whose durations are those of actions.
// Open returns two parts of one empty store.
func TestHistory(t *testing.T, open func(t *testing.T) (History, Actions)) {
	t.Run("last keys", func(t *testing.T) {
		s, _ := open(t)
		if keys := s.LastKeys("/p", "a"); keys == nil || len(keys) != 0 {
			t.Errorf("of a project never built: %v", keys)
		}
		must(t, s.SetLastKeys("/p", "a", map[string]digest.Key{"x": {1}, "y": {2}}))
		must(t, s.SetLastKeys("/p", "b", map[string]digest.Key{"x": {3}}))
		must(t, s.SetLastKeys("/q", "a", map[string]digest.Key{"x": {4}}))
		must(t, s.SetLastKeys("/p", "a", map[string]digest.Key{"y": {5}}))
		if keys := s.LastKeys("/p", "a"); len(keys) != 1 || keys["y"] != (digest.Key{5}) {
			t.Errorf("they are %v", keys)
		}
		if keys := s.LastKeys("/p", "b"); len(keys) != 1 || keys["x"] != (digest.Key{3}) {
			t.Errorf("of another target: %v", keys)
		}
	})
	t.Run("durations", func(t *testing.T) {
		s, actions := open(t)
		for i, version := range []string{"1", "2"} {
			a := &store.Action{Key: digest.Key{byte(i)}, Output: digest.ID{1}, Step: "s", Version: version, Duration: time.Duration(i+1) * time.Second}
			if _, err := actions.PutAction(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		for version, want := range map[string]time.Duration{"1": time.Second, "2": 2 * time.Second, "3": 2 * time.Second} {
			if got := s.Duration("s", version); got != want {
				t.Errorf("%s took %v, want %v", version, got, want)
			}
		}
		if got := s.Duration("other", "1"); got != 0 {
			t.Errorf("what never ran took %v", got)
		}
	})
}

// TestFacts runs the suite for facts. Open returns an empty store.
func TestFacts(t *testing.T, open func(t *testing.T) Facts) {
	s := open(t)
	of := digest.Sum([]byte("content"))
	if data, ok := s.Fact("kind", of); ok {
		t.Errorf("an empty store knows %q", data)
	}
	for _, data := range [][]byte{[]byte("fact"), nil} {
		must(t, s.PutFact("kind", of, data))
		if got, ok := s.Fact("kind", of); !ok || !bytes.Equal(got, data) {
			t.Errorf("got %q, %v; want %q", got, ok, data)
		}
	}
	if data, ok := s.Fact("other", of); ok {
		t.Errorf("of another kind: %q", data)
	}
}
