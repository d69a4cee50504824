package view

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/tree"
)

// files is the content of an output: a value that begins with "-> " is a link,
// one that begins with "=> " a further name of another file, a key that ends in
// "/" a directory, one that begins with "*" is executable.
type files map[string]string

func (tr files) write(t testing.TB, dir string) string {
	t.Helper()
	for _, hard := range []bool{false, true} {
		for name, content := range tr {
			path := filepath.Join(dir, strings.TrimPrefix(name, "*"))
			old, isHard := strings.CutPrefix(content, "=> ")
			if isHard != hard {
				continue
			}
			if err := tr.writeOne(name, path, filepath.Join(dir, old), content, hard); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func (tr files) writeOne(name, path, old, content string, hard bool) error {
	if strings.HasSuffix(name, "/") {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if hard {
		return os.Link(old, path)
	}
	if target, ok := strings.CutPrefix(content, "-> "); ok {
		return os.Symlink(target, path)
	}
	mode := fs.FileMode(0o644)
	if name[0] == '*' {
		mode = 0o755
	}
	return os.WriteFile(path, []byte(content), mode)
}

// request makes layers of trees and a request for them at a new place.
func request(t testing.TB, runtime files, local ...files) Request {
	t.Helper()
	dir := t.TempDir()
	req := Request{
		Parts: []Part{{Root: "runtime"}, {Root: "local"}},
		Rewrites: []Rewrite{
			{runtimeFrom, "/opt/app/runtime"},
			{bundleFrom, "/opt/app/local"},
		},
		Placeholders: []string{workPath},
		Forbidden:    []string{filepath.Join(dir, "store")},
		Dest:         filepath.Join(dir, "views", "v1"),
		Time:         time.Unix(1_000_000_000, 0),
		Parallel:     4,
	}
	if runtime != nil {
		req.Parts[0].Layers = []Layer{{Name: "perl", Tree: runtime.write(t, filepath.Join(dir, "store", "perl"))}}
	}
	for i, tr := range local {
		name := string(rune('A' + i))
		req.Parts[1].Layers = append(req.Parts[1].Layers, Layer{Name: name, Tree: tr.write(t, filepath.Join(dir, "store", name))})
	}
	return req
}

func mustMake(t *testing.T, req Request) *Result {
	t.Helper()
	res, err := Make(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// nothingLeft fails if the directory of the view holds anything.
func nothingLeft(t *testing.T, req Request) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(req.Dest))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left", e.Name())
	}
}

func content(t *testing.T, req Request, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(req.Dest, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMake(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	req := request(t,
		files{
			"*bin/perl":            "\x7fELF\x00 not really",
			"bin/perl5.36.0":       "=> bin/perl",
			"bin/latest":           "-> " + runtimeFrom + "/bin/perl",
			"lib/Config.pm":        "prefix='" + runtimeFrom + "/bin';\n'" + runtimeFrom + "'\n",
			"lib/Config.pod":       "=> lib/Config.pm",
			"lib/empty directory/": "",
			"lib/relative":         "-> ../bin/perl",
		},
		files{"*bin/plackup": "#!" + runtimeFrom + "/bin/perl\n", "lib/Same.pm": "same"},
		files{"lib/Same.pm": "same", "lib/empty": "", "lib/paths.json": `{"a":"` + bundleFrom + `/a","b":"` + runtimeFrom + `/b"}`},
	)
	res := mustMake(t, req)
	want := []tree.Entry{
		{Path: "local", Kind: tree.Dir, Mode: 0o755},
		{Path: "local/bin", Kind: tree.Dir, Mode: 0o755},
		{Path: "local/bin/plackup", Mode: 0o755, Size: 28},
		{Path: "local/lib", Kind: tree.Dir, Mode: 0o755},
		{Path: "local/lib/Same.pm", Mode: 0o644, Size: 4},
		{Path: "local/lib/empty", Mode: 0o644},
		{Path: "local/lib/paths.json", Mode: 0o644, Size: 49},
		{Path: "runtime", Kind: tree.Dir, Mode: 0o755},
		{Path: "runtime/bin", Kind: tree.Dir, Mode: 0o755},
		{Path: "runtime/bin/latest", Kind: tree.Symlink, Target: "/opt/app/runtime/bin/perl"},
		{Path: "runtime/bin/perl", Mode: 0o755, Size: 16},
		{Path: "runtime/bin/perl5.36.0", Mode: 0o755, Size: 16, Kind: tree.Hardlink, Target: "runtime/bin/perl"},
		{Path: "runtime/lib", Kind: tree.Dir, Mode: 0o755},
		{Path: "runtime/lib/Config.pm", Mode: 0o644, Size: 50},
		{Path: "runtime/lib/Config.pod", Mode: 0o644, Size: 50, Kind: tree.Hardlink, Target: "runtime/lib/Config.pm"},
		{Path: "runtime/lib/empty directory", Kind: tree.Dir, Mode: 0o755},
		{Path: "runtime/lib/relative", Kind: tree.Symlink, Target: "../bin/perl"},
	}
	for i, e := range want {
		if e.Kind == tree.File || e.Kind == tree.Hardlink {
			want[i].Source = filepath.Join(req.Dest, e.Path)
		}
	}
	for i := range max(len(want), len(res.Entries)) {
		if i >= len(want) || i >= len(res.Entries) || !reflect.DeepEqual(want[i], res.Entries[i]) {
			t.Fatalf("entry %d:\ngot  %+v\nwant %+v", i, res.Entries[min(i, len(res.Entries)):], want[min(i, len(want)):])
		}
	}
	if res.Bytes != 28+4+49+16+50 || res.Existed {
		t.Errorf("%d bytes, existed %v", res.Bytes, res.Existed)
	}
	for name, text := range map[string]string{
		"local/bin/plackup":      "#!/opt/app/runtime/bin/perl\n",
		"local/lib/paths.json":   `{"a":"/opt/app/local/a","b":"/opt/app/runtime/b"}`,
		"runtime/lib/Config.pod": "prefix='/opt/app/runtime/bin';\n'/opt/app/runtime'\n",
	} {
		if got := content(t, req, name); got != text {
			t.Errorf("%s: %q, want %q", name, got, text)
		}
	}
	checkTimes(t, req)
	checkOwnInodes(t, req)
}

func checkTimes(t *testing.T, req Request) {
	t.Helper()
	err := filepath.WalkDir(req.Dest, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil && !fi.ModTime().Equal(req.Time) {
			t.Errorf("%s has time %v", name, fi.ModTime())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// checkOwnInodes makes sure that nothing is hardlinked to the store.
func checkOwnInodes(t *testing.T, req Request) {
	t.Helper()
	a, err := os.Stat(filepath.Join(req.Parts[0].Layers[0].Tree, "bin/perl"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(filepath.Join(req.Dest, "runtime/bin/perl"))
	if err != nil || os.SameFile(a, b) {
		t.Errorf("the view shares a file with the store; %v", err)
	}
}

func TestMakeAgain(t *testing.T) {
	req := request(t, nil, files{"f": "one"})
	first := mustMake(t, req)
	if err := os.WriteFile(filepath.Join(req.Parts[1].Layers[0].Tree, "f"), []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	second := mustMake(t, req)
	if !second.Existed || !reflect.DeepEqual(first.Entries, second.Entries) || content(t, req, "local/f") != "one" {
		t.Errorf("%+v, then %+v", first, second)
	}
}

func TestMakeAtOnce(t *testing.T) {
	req := request(t, nil, files{"f": strings.Repeat("x", 1<<16), "g": "y"})
	errs := make(chan error)
	for range 8 {
		go func() {
			_, err := Make(context.Background(), req)
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(req.Dest))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestConflicts(t *testing.T) {
	req := request(t, files{"lib/Foo.pm": "the runtime's own"},
		files{"lib/Foo.pm": "a", "lib/dir/x": "", "lib/link": "-> x", "*lib/mode": "", "lib/same": "1", "ok/x": ""},
		files{"lib/Foo.pm": "b", "lib/dir": "", "lib/link": "-> y", "lib/mode": "", "lib/same": "1", "ok/y": ""},
		files{"lib/Foo.pm": "c"},
	)
	_, err := Make(t.Context(), req)
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		t.Fatal(err)
	}
	want := []Conflict{
		{"local/lib/Foo.pm", []string{"A", "B", "C"}, "different content"},
		{"local/lib/dir", []string{"A", "B"}, "a directory and a file"},
		{"local/lib/link", []string{"A", "B"}, "links to x and y"},
		{"local/lib/mode", []string{"A", "B"}, "modes 755 and 644"},
	}
	if !reflect.DeepEqual(conflict.Conflicts, want) {
		t.Errorf("%+v", conflict.Conflicts)
	}
	if !strings.Contains(err.Error(), "local/lib/Foo.pm of A and B and C (different content); local/lib/dir of A and B") {
		t.Error(err)
	}
	nothingLeft(t, req)
}

func TestCancelLeavesNothing(t *testing.T) {
	for _, after := range []int{0, 1, 5, 50} {
		req := request(t, nil, files{})
		many := files{}
		for i := range 60 {
			many["d"+string(rune('a'+i%26))+"/f"+string(rune('a'+i/26))] = strings.Repeat("x", 1000)
		}
		many.write(t, req.Parts[1].Layers[0].Tree)
		ctx := &countdown{Context: t.Context(), left: after}
		ctx.Context, ctx.cancel = context.WithCancel(t.Context())
		if _, err := Make(ctx, req); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d: %v", after, err)
		}
		nothingLeft(t, req)
	}
}

// countdown ends after it was asked for its error that many times, which makes
// an interruption in the middle repeatable.
type countdown struct {
	context.Context
	cancel func()
	left   int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		c.cancel()
	}
	return c.Context.Err()
}

func TestRequestErrors(t *testing.T) {
	for name, spoil := range map[string]func(*Request){
		"relative dest":      func(r *Request) { r.Dest = "view" },
		"unclean dest":       func(r *Request) { r.Dest += "/" },
		"no time":            func(r *Request) { r.Time = time.Time{} },
		"root outside":       func(r *Request) { r.Parts[0].Root = "../x" },
		"roots overlap":      func(r *Request) { r.Parts[0].Root = "local/x" },
		"root of two":        func(r *Request) { r.Parts[0].Root = "." },
		"unknown rule":       func(r *Request) { r.Parts[0].Shared = []Shared{{Path: "x", Rule: "y"}} },
		"relative prefix":    func(r *Request) { r.Rewrites[0].To = "opt" },
		"short forbidden":    func(r *Request) { r.Forbidden = []string{"/cache"} },
		"prefix forbidden":   func(r *Request) { r.Forbidden = []string{"/opt/app"} },
		"prefix placeholder": func(r *Request) { r.Rewrites[0].To = runtimeFrom },
		"missing files":      func(r *Request) { r.Parts[1].Layers[0].Tree += "-gone" },
		"files is a file":    func(r *Request) { r.Parts[1].Layers[0].Tree += "/f" },
		"bad pattern":        func(r *Request) { r.Parts[1].Layers[0].BinaryPrefixes = []string{"["} },
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, nil, files{"f": "x"})
			spoil(&req)
			if _, err := Make(t.Context(), req); err == nil {
				t.Error("no error")
			}
			if filepath.IsAbs(req.Dest) {
				nothingLeft(t, req)
			}
		})
	}
	t.Run("fifo", func(t *testing.T) {
		req := request(t, nil, files{"f": "x"})
		if err := syscall.Mkfifo(filepath.Join(req.Parts[1].Layers[0].Tree, "p"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(t.Context(), req); err == nil || !strings.Contains(err.Error(), "output of A") {
			t.Error(err)
		}
	})
}

func TestOnePartIsTheView(t *testing.T) {
	req := request(t, nil, files{"bin/x": "x"})
	req.Parts = []Part{{Root: ".", Layers: req.Parts[1].Layers}}
	if res := mustMake(t, req); len(res.Entries) != 2 || res.Entries[1].Path != "bin/x" {
		t.Errorf("%+v", res.Entries)
	}
}
