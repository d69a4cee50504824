package skiptest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// record writes down how a test ended.
type record struct{ text string }

func (r *record) Helper()           {}
func (r *record) Skip(args ...any)  { r.text = "skipped: " + fmt.Sprint(args...) }
func (r *record) Fatal(args ...any) { r.text = "failed: " + fmt.Sprint(args...) }

func TestBecause(t *testing.T) {
	for forbidden, want := range map[bool]string{
		false: "skipped: no moon",
		true:  "failed: a skip, which ENVBUILD_TEST_NO_SKIP forbids: no moon",
	} {
		r := &record{}
		if because(r, forbidden, "no moon"); r.text != want {
			t.Errorf("%q, want %q", r.text, want)
		}
	}
}

func TestWithoutNothing(t *testing.T) {
	Without(t, "go")
	t.Setenv("PATH", t.TempDir())
	t.Setenv(variable, "")
	done := t.Run("skipped", func(t *testing.T) {
		Without(t, "go")
		t.Error("it goes on without go")
	})
	if !done {
		t.Error("it isn't skipped")
	}
}

// TestNoOtherSkips finds the skips of this repository that don't go through this
// package, and so would hide.
func TestNoOtherSkips(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() != ".." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && filepath.Dir(path) != filepath.Join(root, "internal", "skiptest"):
			return checkFile(t, path)
		case strings.HasSuffix(path, ".txtar"):
			return checkScript(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		receiver, ok := method.X.(*ast.Ident)
		switch method.Sel.Name {
		case "Skip", "Skipf", "SkipNow":
			if ok && (receiver.Name == "t" || receiver.Name == "b" || receiver.Name == "f" || receiver.Name == "tb") {
				t.Errorf("%s: use skiptest.Because or skiptest.Without; in a fuzz target, return", files.Position(call.Pos()))
			}
		}
		return true
	})
	return nil
}

func checkScript(t *testing.T, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "-- ") {
			break
		}
		for _, word := range strings.Fields(line) {
			if word == "skip" && !strings.HasPrefix(line, "#") {
				t.Errorf("%s:%d: a script can't tell why it must not be skipped", path, i+1)
			}
		}
	}
	return nil
}
