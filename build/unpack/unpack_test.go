package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// entry is an entry of an archive that a test makes.
type entry struct {
	name, content string
	mode          int64
	kind          byte // of tar; 0 is a file
	link          string
}

func tarOf(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Typeflag: e.kind, Linkname: e.link, Size: int64(len(e.content))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		mode := fs.FileMode(e.mode)
		if e.kind == tar.TypeSymlink {
			mode, e.content = mode|fs.ModeSymlink, e.link
		}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compress(t testing.TB, data []byte, format Format) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch format {
	case TarGzip:
		w = gzip.NewWriter(&b)
	case TarXZ:
		w, err = xz.NewWriter(&b)
	case TarZstd:
		w, err = zstd.NewWriter(&b)
	case TarBzip:
		cmd := exec.Command("bzip2", "--stdout")
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	default:
		return data
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpacked unpacks an archive and describes what came of it.
func unpacked(t testing.TB, data []byte, o Options) (map[string]string, error) {
	t.Helper()
	archive, dir := filepath.Join(t.TempDir(), "archive"), filepath.Join(t.TempDir(), "tree")
	if err := errors.Join(os.WriteFile(archive, data, 0o600), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	err := Unpack(t.Context(), archive, dir, o)
	return describe(t, dir), err
}

func describe(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		switch fi.Mode().Type() {
		case fs.ModeDir:
			found[rel] = fmt.Sprintf("%v", fi.Mode())
		case fs.ModeSymlink:
			target, err := os.Readlink(p)
			found[rel] = "to " + target
			return err
		default:
			data, err := os.ReadFile(p)
			found[rel] = fmt.Sprintf("%v %s", fi.Mode(), data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

// usual is an archive as package managers know it.
func usual() []entry {
	return []entry{
		{name: "package/", kind: tar.TypeDir, mode: 0o700},
		{name: "package/index.js", content: "old", mode: 0o600},
		{name: "package/./index.js", content: "index", mode: 0o600},
		{name: "package/bin/cli.js", content: "cli", mode: 0o700},
		{name: "package/bin/other.js", content: "other", mode: 0o4644},
		{name: "package/lib/link", kind: tar.TypeSymlink, link: "../index.js"},
		{name: "README", content: "above what is left"},
	}
}

func wantUsual() map[string]string {
	return map[string]string{
		"index.js": "-rw-r--r-- index", "bin": "drwxr-xr-x", "bin/cli.js": "-rwxr-xr-x cli",
		"bin/other.js": "-rwxr-xr-x other", "lib": "drwxr-xr-x", "lib/link": "to ../index.js",
	}
}

func TestUnpack(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			entries := usual()
			var data []byte
			if format == Zip {
				data = zipOf(t, slices.DeleteFunc(entries, func(e entry) bool { return e.kind == tar.TypeDir }))
			} else {
				data = compress(t, tarOf(t, entries), format)
			}
			got, err := unpacked(t, data, Options{Format: format, Strip: 1, Executables: []string{"bin/other.js"}})
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, wantUsual()) {
				t.Errorf("got %v, want %v", got, wantUsual())
			}
			for _, n := range []int{len(data) / 2, len(data) - 3} {
				if _, err := unpacked(t, data[:n], Options{Format: format}); err == nil && format != Tar {
					t.Errorf("%d of %d bytes were taken for the archive", n, len(data))
				}
			}
		})
	}
}

// TestUmask makes the same tree whatever the caller's umask is.
func TestUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	got, err := unpacked(t, tarOf(t, usual()), Options{Format: Tar, Strip: 1, Executables: []string{"bin/other.js"}})
	if err != nil || !maps.Equal(got, wantUsual()) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHardlinks(t *testing.T) {
	data := tarOf(t, []entry{
		{name: "a", content: "1"}, {name: "b", kind: tar.TypeLink, link: "a"}, {name: "a", content: "2"},
	})
	got, err := unpacked(t, data, Options{Format: Tar})
	if err != nil || got["a"] != "-rw-r--r-- 2" || got["b"] != "-rw-r--r-- 1" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHostile(t *testing.T) {
	link := func(name, target string) entry { return entry{name: name, kind: tar.TypeSymlink, link: target} }
	for problem, entries := range map[string][]entry{
		"leads out":              {{name: "a/../../b"}},
		"absolute":               {{name: "/etc/passwd"}},
		"backslash":              {{name: `a\..\..\b`}},
		"outside of the archive": {link("a", "../b")},
		"absolute path":          {link("a", "/etc")},
		"outside of the arch":    {link("x/y/d", "../.."), link("x/y/e", "d/../f")},
		"not a directory":        {link("a", "b"), {name: "a/c", content: "through the link"}},
		"is a directory":         {{name: "a/b"}, {name: "a"}},
		"not a file before it":   {{name: "a", kind: tar.TypeLink, link: "b"}},
		"leads out of":           {{name: "a", kind: tar.TypeLink, link: "../b"}},
		"neither a file":         {{name: "a", kind: tar.TypeFifo}},
		"neither":                {{name: "a", kind: tar.TypeChar}},
		"255 bytes":              {{name: strings.Repeat("a", 256)}},
		"directories deep":       {{name: strings.Repeat("a/", 300) + "b"}},
		"4096 bytes":             {{name: strings.Repeat("a/", 3000) + "b"}},
	} {
		t.Run(problem, func(t *testing.T) {
			_, err := unpacked(t, tarOf(t, entries), Options{Format: Tar})
			var bad *EntryError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), problem) || bad.Hint() == "" {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := unpacked(t, zipOf(t, []entry{{name: "../a"}}), Options{Format: Zip}); err == nil {
		t.Error("a zip archive wrote outside")
	}
	if _, err := unpacked(t, tarOf(t, nil), Options{Format: Tar, Executables: []string{"a"}}); err == nil {
		t.Error("a file that isn't there was made executable")
	}
	if _, err := unpacked(t, nil, Options{Format: "rar"}); err == nil {
		t.Error("an unknown format was read")
	}
}

func TestLimits(t *testing.T) {
	bomb := compress(t, tarOf(t, []entry{{name: "a", content: strings.Repeat("0", 1<<20)}}), TarGzip)
	var limit *LimitError
	if _, err := unpacked(t, bomb, Options{Format: TarGzip, Limits: Limits{Bytes: 1 << 10}}); !errors.As(err, &limit) || limit.Hint() == "" {
		t.Errorf("bytes: %v", err)
	}
	many := tarOf(t, []entry{{name: "a/b/c/d"}})
	if _, err := unpacked(t, many, Options{Format: Tar, Limits: Limits{Entries: 3}}); !errors.As(err, &limit) {
		t.Errorf("entries: %v", err)
	}
	// What is left out counts too, and so does what follows the archive.
	if _, err := unpacked(t, bomb, Options{Format: TarGzip, Strip: 1, Limits: Limits{Bytes: 1 << 10}}); !errors.As(err, &limit) {
		t.Errorf("bytes left out: %v", err)
	}
	tail := compress(t, append(tarOf(t, nil), make([]byte, 1<<20)...), TarGzip)
	if _, err := unpacked(t, tail, Options{Format: TarGzip, Limits: Limits{Bytes: 1 << 10}}); !errors.As(err, &limit) {
		t.Errorf("bytes behind the archive: %v", err)
	}
}

// TestHeadersWithoutEnd stops at headers that no entry follows.
func TestHeadersWithoutEnd(t *testing.T) {
	for _, kind := range []byte{tar.TypeXGlobalHeader, tar.TypeXHeader} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}); err != nil {
			t.Fatal(err)
		}
		one := b.Bytes()[:1024]
		one[156] = kind
		sum := 8 * int(' ') // instead of the checksum's own bytes
		for i, c := range one[:512] {
			if i < 148 || i >= 156 {
				sum += int(c)
			}
		}
		copy(one[148:156], fmt.Sprintf("%06o\x00 ", sum))
		data := compress(t, bytes.Repeat(one, 10_000), TarGzip)
		_, err := unpacked(t, data, Options{Format: TarGzip, Limits: Limits{Bytes: 1 << 10, Entries: 100}})
		var limit *LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%c: %v", kind, err)
		}
	}
}

// FuzzUnpack expects that nothing is written outside of the tree, and nothing but
// files, directories and symlinks that stay inside.
func FuzzUnpack(f *testing.F) {
	for i, format := range Formats() {
		data := compress(f, tarOf(f, usual()), format)
		if format == Zip {
			data = zipOf(f, usual())
		}
		f.Add(data, byte(i), byte(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, format, strip byte) {
		outer := t.TempDir()
		archive, dir := filepath.Join(outer, "archive"), filepath.Join(outer, "tree")
		if err := errors.Join(os.WriteFile(archive, data, 0o600), os.Mkdir(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		o := Options{
			Format: Formats()[int(format)%len(Formats())], Strip: int(strip % 3),
			Limits: Limits{Entries: 100, Bytes: 1 << 20},
		}
		_ = Unpack(t.Context(), archive, dir, o) // most archives are damaged
		if left, err := os.ReadDir(outer); err != nil || len(left) != 2 {
			t.Fatalf("beside the tree there is %v, %v", left, err)
		}
		for p := range describe(t, dir) {
			real, err := filepath.EvalSymlinks(filepath.Join(dir, p))
			if err == nil && real != dir && !strings.HasPrefix(real, dir+"/") {
				t.Errorf("%s leads to %s", p, real)
			}
		}
	})
}
