package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/cpantest"
)

// TestAhead waits for a part of a large distribution while another one is built
// still, and expects that the package is made of it.
func TestAhead(t *testing.T) {
	c := blocksProject(t, nil, cpantest.Dist{Name: "Large", Version: "1.0", Files: map[string]string{
		"lib/Large.pm":      "package Large;\nour $VERSION = '1.0';\n1;\n",
		"lib/Large/Data.pm": "package Large::Data;\n1;\n__END__\n\n" + strings.Repeat("line by line\n", 300_000),
	}})
	compressInParts(t, c)
	logs, parts := newWatch(t, filepath.Join(c.cache(t), "logs")), newWatch(t, filepath.Join(c.cache(t), "parts"))
	r := c.start(t, 1, "deb", "-o", newDir(t))
	step := logs.waitBlocked(blockTitle(c.dir))
	directory := parts.until(func(string) bool { return true })
	step.release()
	if res := r.wait(); res.code != 0 {
		t.Fatal(res)
	}
	made, err := filepath.Glob(filepath.Join(directory, "*"))
	if err != nil || len(made) == 0 {
		t.Fatalf("parts in %s: %v, %v", directory, made, err)
	}
	want := debOf(t, c)
	if err := os.RemoveAll(filepath.Dir(directory)); err != nil {
		t.Fatal(err)
	}
	if again := debOf(t, c); again.SHA256 != want.SHA256 {
		t.Errorf("with parts made ahead %s, without %s", want.SHA256, again.SHA256)
	}
	// Whoever asks for the same parts gets them under the same keys.
	for _, part := range made {
		if _, err := os.Stat(part); err != nil {
			t.Errorf("a part that was made ahead isn't one of the package: %v", err)
		}
	}
}
