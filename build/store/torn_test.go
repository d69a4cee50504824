package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// TestTornRecords cuts a record where a power cut may, and fills it up as a file
// system does: it is a miss, or whole.
func TestTornRecords(t *testing.T) {
	s := open(t)
	key := digest.Key{7}
	out := putOutput(t, s, map[string]string{"a": "1"})
	if _, err := s.PutAction(t.Context(), &store.Action{Key: key, Output: out.ID, Step: "step", Inputs: []byte(`{"a":"b"}`)}); err != nil {
		t.Fatal(err)
	}
	must(t, s.Sync())
	path := filepath.Join(s.Root(), "actions", key.String()[:2], key.String())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	record := strings.IndexByte(string(whole), '\n')
	for n := range len(whole) {
		for _, fill := range []string{"", strings.Repeat("\x00", len(whole)-n)} {
			write(t, path, string(whole[:n])+fill)
			if _, err := s.RecordedAction(key); (err == nil) != (n == record && fill == "") || err != nil && !errors.Is(err, store.ErrMissing) {
				t.Errorf("%d of %d bytes, filled up %v: %v", n, len(whole), fill != "", err)
			}
		}
	}
	changed := strings.Replace(string(whole), `"step":"step"`, `"step":"stop"`, 1)
	write(t, path, changed)
	if _, err := s.RecordedAction(key); !errors.Is(err, store.ErrMissing) {
		t.Errorf("a record with other bytes: %v", err)
	}
	write(t, path, string(whole[:record])) // as records were before they had a seal
	if a, err := s.LookupAction(t.Context(), key); err != nil || a.Output != out.ID {
		t.Errorf("an old record: %+v, %v", a, err)
	}
}
