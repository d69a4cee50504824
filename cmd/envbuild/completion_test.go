package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// completer asks a shell what it would offer.
type completer struct {
	t     *testing.T
	shell string
	dir   string // with the script, the fake programs in bin, and a project
}

// newCompleter prepares a project with a lock, and programs, envbuild among
// them, that tell if they are started.
func newCompleter(t *testing.T, shell string) completer {
	t.Helper()
	skiptest.Without(t, shell)
	c := completer{t, shell, newDir(t)}
	script := client{dir: c.dir, env: os.Environ()}.must(t, "completion", shell)
	lock, err := os.ReadFile(filepath.Join(sampleDir, "envbuild.lock"))
	if err != nil {
		t.Fatal(err)
	}
	marker := "#!/bin/sh\necho \"$0 $*\" >>" + c.dir + "/started\n"
	for name, text := range map[string]string{
		"script": script, "bin/envbuild": marker, "bin/deleter": marker, "bin/onlyhere": marker, "project/envbuild.lock": string(lock), "project/sub/afile": "",
	} {
		p := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c completer) offers(program string, args ...string) []string {
	c.t.Helper()
	cmd := exec.Command(c.shell, append([]string{"-c", program, c.shell}, args...)...)
	cmd.Dir = filepath.Join(c.dir, "project", "sub")
	cmd.Env = []string{"PATH=" + c.dir + "/bin:/usr/bin:/bin", "HOME=" + c.dir, "SCRIPT=" + c.dir + "/script"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%q: %v %s", args, err, out)
	}
	if started, err := os.ReadFile(filepath.Join(c.dir, "started")); err == nil {
		c.t.Fatalf("completing %q started %s", args, started)
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		list = append(list, word)
	}
	return list
}

// cases are command lines, the last word unfinished, with words that must be
// offered and one that must not.
func completionCases() []struct {
	line   []string
	want   []string
	absent string
} {
	return []struct {
		line   []string
		want   []string
		absent string
	}{
		{[]string{""}, []string{"build", "exec", "sbom"}, "help"},
		{[]string{"bu"}, []string{"build"}, "exec"},
		{[]string{"-C", "build", "de"}, []string{"deb"}, "doctor "},
		{[]string{"--progress", ""}, []string{"auto", "plain", "json", "none"}, "build"},
		{[]string{"build", "--re"}, []string{"--rebuild", "--require-sandbox"}, "--env-file"},
		{[]string{"build", "--rebuild", "Pla"}, []string{"Plack", "Plack-Middleware-ReverseProxy"}, "DBI"},
		{[]string{"why", "DB"}, []string{"DBI", "DBD-SQLite"}, "Plack"},
		{[]string{"cache", ""}, []string{"gc", "stat"}, "build"},
		{[]string{"completion", "z"}, []string{"zsh"}, "bash"},
		{[]string{"env", "--format", "s"}, []string{"sh", "systemd"}, "json"},
		{[]string{"sbom", "af"}, []string{"afile"}, "build"},
		{[]string{"exec", "--no"}, []string{"--no-build"}, "--rebuild"},
		{[]string{"exec", "onlyh"}, []string{"onlyhere"}, "build"},
		{[]string{"exec", "-e", "A=1", "--", "onlyh"}, []string{"onlyhere"}, "build"},
		{[]string{"exec", "--", "deleter", "af"}, []string{"afile"}, "build"},
		{[]string{"exec", "deleter", "--no-b"}, nil, "--no-build"},
	}
}

func (c completer) check(complete func(line []string) []string) {
	c.t.Helper()
	for _, test := range completionCases() {
		got := complete(test.line)
		for _, w := range test.want {
			if !slices.Contains(got, w) {
				c.t.Errorf("%q: %s is missing in %q", test.line, w, got)
			}
		}
		if slices.Contains(got, test.absent) {
			c.t.Errorf("%q: %s is among %q", test.line, test.absent, got)
		}
	}
}

func TestCompletionBash(t *testing.T) {
	c := newCompleter(t, "bash")
	c.check(func(line []string) []string {
		return c.offers(`source "$SCRIPT"; COMP_WORDS=(envbuild "$@"); COMP_CWORD=$#; _envbuild; printf '%s\n' "${COMPREPLY[@]}"`, line...)
	})
}

func TestCompletionFish(t *testing.T) {
	c := newCompleter(t, "fish")
	c.check(func(line []string) []string {
		return c.offers(`source $SCRIPT; complete -C "envbuild ` + strings.Join(line, " ") + `"`)
	})
}

// TestCompletionZsh only loads the script: zsh completes in a line editor alone.
func TestCompletionZsh(t *testing.T) {
	c := newCompleter(t, "zsh")
	got := c.offers(`autoload -U compinit; compinit -u -d "$HOME/dump"; source "$SCRIPT"; print $_comps[envbuild]`)
	if !slices.Equal(got, []string{"_envbuild"}) {
		t.Errorf("zsh completes envbuild with %q", got)
	}
}

func TestCompletionArguments(t *testing.T) {
	c := client{dir: newDir(t), env: os.Environ()}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		if got := c.run(args...); got.code != 2 || got.stdout != "" {
			t.Error(got)
		}
	}
}
