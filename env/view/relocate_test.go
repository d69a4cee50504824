package view

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

func gcc(t *testing.T, out, source string, args ...string) {
	t.Helper()
	skiptest.Without(t, "gcc")
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", append([]string{"-O2", "-o", out, "-x", "c", "-", "-x", "none"}, args...)...)
	cmd.Stdin = strings.NewReader(source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, text)
	}
}

// TestCompiledProgram relocates a program to where the view really is and runs
// it there: its search path and a C string of known length.
func TestCompiledProgram(t *testing.T) {
	req := request(t, nil, files{})
	layer := &req.Parts[1].Layers[0]
	layer.BinaryPrefixes = []string{"bin/*"}
	gcc(t, filepath.Join(layer.Tree, "lib/libanswer.so"), "int answer(void) { return 42; }", "-shared", "-fPIC", "-Wl,-soname,libanswer.so")
	gcc(t, filepath.Join(layer.Tree, "bin/prog"), `#include <stdio.h>
#include <string.h>
extern int answer(void);
const char path[] = "`+bundleFrom+`/etc/conf";
int main(void) {
	printf("%d %d %s\n", answer(), sizeof path - 1 == strlen(path), path);
	return 0;
}`, filepath.Join(layer.Tree, "lib/libanswer.so"), "-Wl,-rpath,"+bundleFrom+"/lib")
	req.Dest = shortDir(t) + "/v"
	req.Rewrites[1].To = req.Dest + "/local"
	mustMake(t, req)
	out, err := exec.Command(filepath.Join(req.Dest, "local/bin/prog")).CombinedOutput()
	want := "42 1 " + req.Dest + "/local" + strings.Repeat("/", 64-len(req.Dest+"/local")) + "/etc/conf\n"
	if err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

// shortDir is a directory whose path leaves room in a placeholder.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestSearchPathAlone(t *testing.T) {
	req := request(t, nil, files{})
	lib := filepath.Join(req.Parts[1].Layers[0].Tree, "libx.so")
	gcc(t, lib, "int a;", "-shared", "-fPIC", "-Wl,-rpath,"+runtimeFrom+"/lib:$ORIGIN", "-Wl,-soname,lib:$ORIGIN")
	mustMake(t, req)
	b := []byte(content(t, req, "local/libx.so"))
	if !bytes.Contains(b, []byte("/opt/app/runtime////////////////////////////////////////////////"+"/lib:$ORIGIN\x00")) {
		t.Error("the search path is not rewritten")
	}
	req = request(t, nil, files{})
	gcc(t, filepath.Join(req.Parts[1].Layers[0].Tree, "libx.so"), "int a;", "-shared", "-fPIC", "-Wl,-rpath,"+runtimeFrom)
	req.Rewrites[0].To = "/opt/" + strings.Repeat("long", 16)
	_, err := Make(t.Context(), req)
	var prefix *PrefixError
	if !errors.As(err, &prefix) || prefix.Max != 64 {
		t.Error(err)
	}
	nothingLeft(t, req)
}

func TestPrefixThatDoesNotFit(t *testing.T) {
	script := files{"*s": "#!" + runtimeFrom + "/bin/perl -w\nrest\n"}
	for _, c := range []struct {
		name, to string
		tree     files
		binary   []string
		max      int // -1: no error
	}{
		{"binary of 64", "/" + strings.Repeat("x", 63), files{"b": "\x00" + runtimeFrom + "\x00"}, []string{"b"}, -1},
		{"binary of 65", "/" + strings.Repeat("x", 64), files{"b": "\x00" + runtimeFrom + "\x00"}, []string{"b"}, 64},
		{"text of 200", "/" + strings.Repeat("x", 199), files{"t": runtimeFrom}, nil, -1},
		{"first line of 127", "/" + strings.Repeat("x", 127-14-1), script, nil, -1},
		{"first line of 128", "/" + strings.Repeat("x", 128-14-1), script, nil, 113},
		{"space", "/opt/my app", script, nil, 0},
		{"space in text", "/opt/my app", files{"s": "#!" + runtimeFrom + "\n"}, nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := request(t, nil, c.tree)
			req.Rewrites[0].To = c.to
			req.Parts[1].Layers[0].BinaryPrefixes = c.binary
			_, err := Make(t.Context(), req)
			var prefix *PrefixError
			if c.max < 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.As(err, &prefix) || prefix.Max != c.max || prefix.Hint() == "" {
				t.Errorf("%+v, %v", prefix, err)
			}
			nothingLeft(t, req)
		})
	}
}
