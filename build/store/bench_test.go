package store_test

import (
	"fmt"
	"testing"

	"github.com/envbuild/envbuild/build/store"
	"github.com/envbuild/envbuild/internal/digest"
)

// benchOutput stores an output of the size of a perl: 2000 files, 64 MB.
func benchOutput(b *testing.B) (*store.Store, *store.Output) {
	b.Helper()
	s, err := store.Open(b.Context(), b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	dir, _, err := s.TempDir("bench")
	if err != nil {
		b.Fatal(err)
	}
	content := make([]byte, 32<<10)
	for i := range 2000 {
		copy(content, fmt.Sprint(i))
		write(b, fmt.Sprintf("%s/d%d/f%d", dir, i%100, i), string(content))
	}
	out, err := s.PutOutput(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.PutAction(b.Context(), &store.Action{Key: digest.Key{1}, Output: out.ID}); err != nil {
		b.Fatal(err)
	}
	return s, out
}

func BenchmarkLookupAction(b *testing.B) {
	s, _ := benchOutput(b)
	for b.Loop() {
		if _, err := s.LookupAction(b.Context(), digest.Key{1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOutput(b *testing.B) {
	s, out := benchOutput(b)
	for b.Loop() {
		if _, err := s.Output(b.Context(), out.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	s, out := benchOutput(b)
	b.SetBytes(64 << 20)
	for b.Loop() {
		if err := s.Verify(b.Context(), out.ID); err != nil {
			b.Fatal(err)
		}
	}
}
