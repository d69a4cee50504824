package view

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/envbuild/envbuild/internal/skiptest"
)

func compressed(t testing.TB, open func(io.Writer) (io.WriteCloser, error), text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t testing.TB, text string) string {
	return compressed(t, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, text)
}

func xzipped(t testing.TB, text string) string {
	return compressed(t, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }, text)
}

func zstandard(t testing.TB, text string) string {
	return compressed(t, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, text)
}

func bzipped(t testing.TB, text string) string {
	t.Helper()
	skiptest.Without(t, "bzip2")
	cmd := exec.Command("bzip2", "-c")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func zipped(t testing.TB, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLeaks(t *testing.T) {
	piece := "some text " + bundleFrom[30:38] + " and more"
	long := piece + numbers(5000) // short texts are stored as they are
	for _, c := range []struct {
		name string
		tree files
		want LeakError
	}{
		{"whole, in a binary", files{"f": "\x00\x00" + runtimeFrom}, LeakError{Path: "local/f", Offset: 2, Where: "content"}},
		{"piece, in text", files{"f": piece}, LeakError{Path: "local/f", Offset: 10, Where: "content"}},
		{"piece, without its slash", files{"f": `"\` + runtimeFrom[1:] + `"`}, LeakError{Path: "local/f", Offset: 2, Where: "content"}},
		{"work path", files{"f": workPath}, LeakError{Path: "local/f", Where: "content"}},
		{"beside what is rewritten", files{"f": bundleFrom + piece}, LeakError{Path: "local/f", Offset: 14 + 10, Where: "content"}},
		{"name", files{"x" + bundleFrom[20:28]: ""}, LeakError{Path: "local/x" + bundleFrom[20:28], Offset: 7, Where: "name"}},
		{"link", files{"l": "-> .." + workPath}, LeakError{Path: "local/l", Offset: 2, Where: "link target"}},
		{"gzip", files{"f.gz": gzipped(t, piece)}, LeakError{Path: "local/f.gz", Member: "gzip", Offset: 10, Where: "content"}},
		{"two gzip members", files{"f.gz": gzipped(t, "x") + gzipped(t, piece)}, LeakError{Path: "local/f.gz", Member: "gzip", Offset: 11, Where: "content"}},
		{"truncated gzip", files{"f.gz": cut(gzipped(t, long))}, LeakError{Path: "local/f.gz", Member: "gzip", Offset: 10, Where: "content"}},
		{"xz", files{"f": xzipped(t, long)}, LeakError{Path: "local/f", Member: "xz", Offset: 10, Where: "content"}},
		{"zstd", files{"f": zstandard(t, long)}, LeakError{Path: "local/f", Member: "zstd", Offset: 10, Where: "content"}},
		{"bzip2", files{"f": bzipped(t, piece)}, LeakError{Path: "local/f", Member: "bzip2", Offset: 10, Where: "content"}},
		{"zip", files{"f.jar": zipped(t, "a/b", piece)}, LeakError{Path: "local/f.jar", Member: "zip member a/b", Offset: 10, Where: "content"}},
		{"zip in gzip in zip", files{"f": zipped(t, "m", gzipped(t, xzipped(t, long)))},
			LeakError{Path: "local/f", Member: "zip member m, gzip, xz", Offset: 10, Where: "content"}},
		{"first of several", files{"a": "", "b": piece, "c": piece, "d": piece}, LeakError{Path: "local/b", Offset: 10, Where: "content", More: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(t, nil, c.tree)
			_, err := Make(t.Context(), req)
			var leak *LeakError
			if !errors.As(err, &leak) {
				t.Fatal(err)
			}
			if leak.Layer != "A" || leak.What == "" || leak.Hint() == "" {
				t.Errorf("%+v", leak)
			}
			leak.Layer, leak.What = "", ""
			if *leak != c.want {
				t.Errorf("%+v, want %+v", *leak, c.want)
			}
			nothingLeft(t, req)
		})
	}
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func cut(s string) string { return s[:len(s)*3/4] }

func TestStorePathLeaks(t *testing.T) {
	req := request(t, nil, files{"f": ""})
	files{"g": "built in " + req.Forbidden[0] + "/x"}.write(t, req.Parts[1].Layers[0].Tree)
	_, err := Make(t.Context(), req)
	var leak *LeakError
	if !errors.As(err, &leak) || leak.What != req.Forbidden[0] || leak.Offset != 9 {
		t.Error(err)
	}
}

func TestNoLeak(t *testing.T) {
	req := request(t, nil, files{
		"seven":     bundleFrom[:7] + " " + runtimeFrom[10:17],
		"not.gz":    "\x1f\x8b\x08 but not gzip",
		"not.zip":   "PK\x03\x04 but not zip",
		"not.bz2":   "BZh91AY&SY but not bzip2",
		"short":     "\x1f\x8b",
		"clean.gz":  gzipped(t, "text"),
		"clean.zip": zipped(t, "a", "text"),
	})
	mustMake(t, req)
}

func TestBombEnds(t *testing.T) {
	s := insider{scan: testScanner(), buf: make([]byte, chunkSize), left: 1000}
	open, name := codec([]byte("\x1f\x8b\x08"))
	_, _, err := s.stream(open, name, strings.NewReader(gzipped(t, strings.Repeat("x", 2000))), 1)
	if !errors.Is(err, errBomb) {
		t.Error(err)
	}
}

// FuzzInside wants that damaged archives neither crash nor fail.
func FuzzInside(f *testing.F) {
	for _, s := range []string{
		gzipped(f, "text"), xzipped(f, "text"), zstandard(f, "text"), zipped(f, "name", gzipped(f, "text")), "BZh91AY&SY",
	} {
		f.Add([]byte(s))
		f.Add([]byte(cut(s)))
	}
	scan := testScanner()
	buf := make([]byte, chunkSize)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := insider{scan: scan, buf: buf}
		if _, _, err := s.search(bytes.NewReader(b), int64(len(b))); err != nil && !errors.Is(err, errBomb) {
			t.Error(err)
		}
	})
}
