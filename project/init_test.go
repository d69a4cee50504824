package project

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/hint"
)

func TestInit(t *testing.T) {
	display := func(path string) string { return path }
	dir := filepath.Join(t.TempDir(), "Some App")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Init(t.Context(), dir, Languages(), display)
	var none *noLanguageError
	if !errors.As(err, &none) || !strings.Contains(hint.Of(err), "cpanfile") {
		t.Errorf("an empty directory: %v, hint %q", err, hint.Of(err))
	}
	for name, text := range map[string]string{"cpanfile": "requires 'Plack';\n", "README.md": "# The shop\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := Init(t.Context(), dir, Languages(), display)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "name: some-app\n") || !strings.Contains(string(text), "The shop") {
		t.Errorf("%v, the spec is\n%s", err, text)
	}
	var exists *existsError
	if _, err = Init(t.Context(), dir, Languages(), display); !errors.As(err, &exists) {
		t.Errorf("a second time: %v", err)
	}
}
