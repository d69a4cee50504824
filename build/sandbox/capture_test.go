package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/envbuild/envbuild/internal/tree"
)

// lowerFiles is what the tests of capturing have below.
func lowerFiles() []string {
	return []string{
		"bin/tool", "#!" + testRuntime + "/bin/perl\nuse lib '" + testBundle + "/lib';\n!",
		"lib/A.pm", "package A;\n",
		"lib/B.pm", "package B;\n",
		"lib/deep/C.pm", "package C;\n",
		"lib/link", "-> A.pm",
		"lib/abs", "-> " + testBundle + "/lib/A.pm",
	}
}

// Every tier captures the same of the same command.
func TestCapture(t *testing.T) {
	for _, tt := range []struct {
		name, script      string
		added             []string
		modified, deleted []string
	}{
		{name: "nothing", script: `cat lib/A.pm > /dev/null`},
		{name: "new file", script: `echo x > lib/X.pm; mkdir -p new/empty; echo y > new/y`,
			added: []string{"d lib", "f lib/X.pm x", "d new", "d new/empty", "f new/y y"}},
		{name: "append", script: `echo more >> lib/A.pm`,
			added: []string{"d lib", "f lib/A.pm package A;|more"}, modified: []string{"lib/A.pm"}},
		{name: "touch", script: `touch -d 2001-01-01 lib/A.pm lib; touch lib/B.pm`},
		{name: "rewrite", script: `cp -p lib/A.pm x; rm lib/A.pm; mv x lib/A.pm`},
		{name: "mode", script: `chmod 444 lib/A.pm; chmod 700 lib`},
		{name: "executable", script: `chmod +x lib/B.pm`,
			added: []string{"d lib", "x lib/B.pm package B;"}, modified: []string{"lib/B.pm"}},
		{name: "delete", script: `rm lib/A.pm; rm -r lib/deep; rm lib/link`, deleted: []string{"lib/A.pm", "lib/deep", "lib/link"}},
		{name: "made and removed", script: `mkdir t; echo x > t/x; rm -r t; echo y > lib/y; rm lib/y`},
		{name: "directory again", script: `rm -r lib; mkdir lib; echo 'package A;' > lib/A.pm; echo other > lib/B.pm; echo new > lib/N.pm`,
			added:    []string{"d lib", "f lib/B.pm other", "f lib/N.pm new"},
			modified: []string{"lib/B.pm"}, deleted: []string{"lib/abs", "lib/deep", "lib/link"}},
		{name: "other type", script: `rm lib/A.pm; ln -s B.pm lib/A.pm; rm -r lib/deep; echo f > lib/deep; rm lib/link; mkdir lib/link`,
			added:    []string{"d lib", "l lib/A.pm B.pm", "f lib/deep f", "d lib/link"},
			modified: []string{"lib/A.pm", "lib/deep", "lib/link"}},
		{name: "rename", script: `mv lib/deep lib/deeper; mv lib/A.pm lib/Z.pm`,
			added:   []string{"d lib", "f lib/Z.pm package A;", "d lib/deeper", "f lib/deeper/C.pm package C;"},
			deleted: []string{"lib/A.pm", "lib/deep"}},
		{name: "hard links", script: `echo p > p1; ln p1 p2; ln lib/A.pm a2`,
			added: []string{"f a2 package A;", "f p1 p (2)", "f p2 p (2)"}},
		{name: "paths", script: `printf '#!%s/bin/perl' $R > s; printf '\0%s/lib\0' $B > bin/b; ln -s $B/lib l; ln -s $W w`,
			added: []string{"d bin", "f bin/b \x00" + testBundle + "/lib\x00", "l l " + testBundle + "/lib",
				"f s #!" + testRuntime + "/bin/perl", "l w " + testWork}},
		{name: "read-only", script: `mkdir -p ro/x; echo a > ro/x/a; chmod 444 ro/x/a; echo '$W' > ro/x/b; chmod 0 ro/x/b; chmod 555 ro/x; chmod 0 ro`,
			added: []string{"d ro", "d ro/x", "f ro/x/a a", "f ro/x/b $W"}},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			each(t, None, func(t *testing.T, b *bench) {
				files := lowerFiles()
				lowers := []string{b.directory("lower/0", files[:4]...), b.directory("lower/1", files[4:]...),
					b.directory("lower/2", "lib/A.pm", "hidden by the first")}
				upper := b.directory("upper")
				b.command.Env = append(b.command.Env, "R="+testRuntime, "B="+testBundle, "W="+testWork)
				b.command.Layers = []Layer{
					{Prefix: testRuntime, Lowers: []string{b.directory("runtime", "bin/perl", "x!")}},
					{Prefix: testBundle, Lowers: lowers, Upper: upper},
				}
				before := listing(t, filepath.Join(b.dir, "lower"))
				res, _ := b.mustSh("cd " + testBundle + "\n" + tt.script)
				if got := listing(t, upper); !slices.Equal(got, tt.added) {
					t.Errorf("upper:\n%q\nwant:\n%q", got, tt.added)
				}
				if c := res.Changes[1]; !slices.Equal(c.Modified, tt.modified) || !slices.Equal(c.Deleted, tt.deleted) {
					t.Errorf("changes: %+v", c)
				}
				if after := listing(t, filepath.Join(b.dir, "lower")); !slices.Equal(before, after) {
					t.Errorf("lower directories changed:\n%q\n%q", before, after)
				}
				noAttributes(t, upper)
			})
		})
	}
}

// listing describes a tree: type, path, content or target, and the number of
// names where a file has several in the tree.
func listing(t *testing.T, root string) []string {
	t.Helper()
	var list []string
	names := map[tree.Inode]int{}
	must(t, walkOpen(root, func(_ string, fi fs.FileInfo) error { id, _ := tree.InodeOf(fi); names[id]++; return nil }))
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		fi, err := d.Info()
		if err != nil {
			return err
		}
		data, err := content(path, fi)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", "|")
		kind := "f"
		switch {
		case fi.IsDir():
			list = append(list, "d "+rel)
			return nil
		case fi.Mode().Type() == fs.ModeSymlink:
			kind = "l"
		case executable(fi):
			kind = "x"
		}
		line := kind + " " + rel + " " + text
		if id, _ := tree.InodeOf(fi); names[id] > 1 {
			line += fmt.Sprintf(" (%d)", names[id])
		}
		list = append(list, line)
		return nil
	}))
	return list
}

func noAttributes(t *testing.T, root string) {
	t.Helper()
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		list := make([]byte, 1024)
		n, err := unix.Llistxattr(path, list)
		if names := list[:max(n, 0)]; err == nil && bytes.Contains(names, []byte("overlay")) {
			t.Errorf("%s: %q", path, names)
		}
		return nil
	}))
}

// The files of the lower directories are seen with the paths at which they are.
func TestLayersAreSeen(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		files := lowerFiles()
		b.directory("work", "in", testBundle+"/lib")
		b.command.Layers = []Layer{
			{Prefix: testRuntime, Lowers: []string{b.directory("runtime", "bin/perl", "#!/bin/sh\necho perl \"$@\"\n!")}},
			{Prefix: testBundle, Lowers: []string{b.directory("lower", files...)}},
		}
		for range 2 { // the weaker tiers copy once
			_, got := b.mustSh(testBundle + "/bin/tool; cat " + testBundle + "/lib/abs; cat $(cat in)/B.pm; cat " + testBundle + "/bin/tool")
			got = strings.ReplaceAll(got, "\n", "|")
			if !strings.Contains(got, "/bin/tool|package A;|package B;|#!/") || !strings.HasPrefix(got, "perl /") {
				t.Errorf("%q", got)
			}
			if b.sandbox.Tier().mounts() && !strings.Contains(got, testRuntime) {
				t.Errorf("%q", got)
			}
		}
		if in, err := os.ReadFile(filepath.Join(b.command.Work, "in")); err != nil || string(in) != testBundle+"/lib" {
			t.Errorf("the work directory came back with %q, %v", in, err)
		}
	})
}

func TestReadOnlyLayer(t *testing.T) {
	each(t, Landlock, func(t *testing.T, b *bench) {
		b.command.Layers = []Layer{
			{Prefix: testRuntime, Lowers: []string{b.directory("one", "f", "x")}},
			{Prefix: testBundle, Lowers: []string{b.directory("one"), b.directory("two", "g", "y")}},
		}
		for _, p := range []string{testRuntime, testBundle} {
			_, got := b.mustSh("cd " + p + "; for c in 'echo z > f' 'rm f' 'echo z > new' 'chmod 777 .' 'mkdir d'; do " +
				`sh -c "$c" 2>/dev/null && echo "$c"; done; cat f`)
			if strings.ReplaceAll(got, "chmod 777 .\n", "") != "x" { // Landlock knows no chmod; nothing depends on it
				t.Errorf("%s: %q", p, got)
			}
		}
	})
}

// Nothing but watching prevents it in the weakest tier.
func TestSharedLayerChanged(t *testing.T) {
	b := newBench(t, None)
	b.command.Layers = []Layer{{Prefix: testRuntime, Lowers: []string{b.directory("one", "f", "x")}}}
	_, err := b.sh("echo y >> " + testRuntime + "/f")
	var changed *SharedChangeError
	if !errors.As(err, &changed) || !slices.Equal(changed.Changes.Modified, []string{"f"}) {
		t.Errorf("%v", err)
	}
	if _, got := b.mustSh("cat " + testRuntime + "/f"); got != "x" {
		t.Errorf("the next command sees %q", got)
	}
}

func TestManyLowers(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		layer := Layer{Prefix: testBundle, Upper: b.directory("upper")}
		for i := range MaxLowers {
			layer.Lowers = append(layer.Lowers, b.directory(fmt.Sprintf("a,odd:name/%d", i), fmt.Sprint(i), "x"))
		}
		b.command.Layers = []Layer{layer}
		_, got := b.mustSh("ls " + testBundle + " | wc -l; echo y > " + testBundle + "/new")
		if strings.TrimSpace(got) != fmt.Sprint(MaxLowers) {
			t.Errorf("%q", got)
		}
		if got := listing(t, layer.Upper); !slices.Equal(got, []string{"f new y"}) {
			t.Errorf("%q", got)
		}
	})
}

// A failed command's files are left alone: somebody may want to look at them.
func TestFailureCapturesNothing(t *testing.T) {
	each(t, None, func(t *testing.T, b *bench) {
		b.command.Layers = []Layer{{Prefix: testBundle, Upper: b.directory("upper")}}
		res, err := b.sh("echo " + testBundle + " > log; exit 3")
		if err != nil || res.ExitCode != 3 || res.Changes != nil {
			t.Errorf("%+v, %v", res, err)
		}
		if log, err := os.ReadFile(filepath.Join(b.command.Work, "log")); err != nil || string(log) != testBundle+"\n" {
			t.Errorf("%q, %v", log, err)
		}
	})
}

// A compiler may split a path, and gzip hides one: that must not pass.
func TestLeak(t *testing.T) {
	for _, tier := range []Tier{Landlock, None} {
		t.Run(tier.String(), func(t *testing.T) {
			b := newBench(t, tier)
			for name, script := range map[string]string{
				"piece": `printf 'abc%.20s' $(echo $B | tail -c 30) > piece`,
				"gz":    `echo $B | gzip -n > gz`,
			} {
				b.command.Env = []string{"PATH=/usr/bin:/bin", "B=" + testBundle}
				b.command.Layers = []Layer{{Prefix: testBundle, Upper: b.directory("upper-" + name)}}
				_, err := b.sh("cd " + testBundle + "; " + script)
				var leak *LeakError
				if !errors.As(err, &leak) || leak.File != name || leak.Hint() == "" {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// A program compiled in one tier is the program compiled in another.
func TestCompiledAlike(t *testing.T) {
	var first []string
	each(t, None, func(t *testing.T, b *bench) {
		b.directory("work", "x.c", `#include <stdio.h>
			int main(void) { puts(BASE "/lib"); return 0; }`)
		upper := b.directory("upper")
		b.command.Layers = []Layer{{Prefix: testBundle, Upper: upper}}
		b.mustSh(`cc -O2 -g -ffile-prefix-map="$PWD"=. -DBASE='"` + testBundle + `"' -Wl,--build-id=none,-rpath,` + testBundle +
			` x.c -o ` + testBundle + `/x && ` + testBundle + `/x`)
		got := listing(t, upper)
		if first == nil {
			first = got
		}
		if len(got) != 1 || !slices.Equal(got, first) {
			t.Errorf("%d files; they differ from the strongest tier's", len(got))
		}
	})
}
