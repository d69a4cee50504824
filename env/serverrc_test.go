package env

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/pkgspec"
)

// serverRC writes an env.rc that reads an override file with the text, unless it
// is empty, and returns its path.
func serverRC(t testing.TB, e *Environment, text string) string {
	t.Helper()
	override := filepath.Join(t.TempDir(), "it's the $env")
	if text != "" {
		if err := os.WriteFile(override, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rc, err := e.ServerRC("/opt/x/env.rc", override)
	if err != nil {
		t.Fatal(err)
	}
	parses(t, rc)
	return writeTemp(t, "env.rc", rc, 0o644)
}

// TestServerRCIsResolve checks that an override file means what the same
// variables mean on the command line of envbuild exec.
func TestServerRCIsResolve(t *testing.T) {
	e := mustNew(t, []Var{Literals("PROJECT_BASE", Set, "/opt/x/app"), Literals("PERL5OPT", Unset), Literals("PATH", Prepend, "/opt/x/bin")}, []pkgspec.EnvVar{
		set("PORT", lit("80")), set("URL", lit("http://x:"), ref("PORT")), list("LIST", pkgspec.Value{lit("/a")}), set("KEPT", lit("spec")),
	})
	caller := []string{"PATH=/usr/bin", "PERL5OPT=-w", "PORT=1", "OTHER=caller", "LC_ALL=C.UTF-8"}
	for text, command := range map[string][]Assignment{
		"":                                     nil,
		"# nothing\n":                          nil,
		"PORT=81":                              {{Name: "PORT", Value: "81"}},
		"  \n\t; a\nPORT=8\n OTHER=server  \n": {{Name: "PORT", Value: "8"}, {Name: "OTHER", Value: "server"}},
		"LIST=/b:/c\nPATH=/sbin\nPERL5OPT=-T\nNEW=\n": {{Name: "LIST", Value: "/b:/c"}, {Name: "PATH", Value: "/sbin"}, {Name: "PERL5OPT", Value: "-T"}, {Name: "NEW"}},
		"URL='a b'\nNEW=\"x\"\nNEW=y\n":               {{Name: "URL", Value: "a b"}, {Name: "NEW", Value: "x"}, {Name: "NEW", Value: "y"}},
	} {
		list, err := e.Resolve(caller, Overlay{Command: command})
		if err != nil {
			t.Fatal(err)
		}
		file := serverRC(t, e, text)
		for _, shell := range shells(t) {
			for _, script := range []string{`. "$1"`, `. "$1"; . "$1"`, `set -f; IFS=P=; . "$1"; unset IFS`} {
				if got := source(t, shell, caller, script, file); !maps.Equal(got, split(list)) {
					t.Errorf("%v, %q, %s:\ngot  %q\nwant %q", shell, text, script, got, split(list))
				}
			}
		}
	}
}

// TestServerRCHostile writes every value in every form that holds it.
func TestServerRCHostile(t *testing.T) {
	var text bytes.Buffer
	want := map[string]string{"LC_ALL": "C.UTF-8"}
	add := func(value, form string) {
		name := fmt.Sprintf("V%d", len(want))
		fmt.Fprintf(&text, "%s=%s\n", name, form)
		want[name] = value
	}
	for _, value := range hostile() {
		if strings.Contains(value, "\n") || !utf8.ValidString(value) || len(value) > 1000 {
			continue
		}
		add(value, quote(value))
		if !strings.Contains(value, "'") {
			add(value, "'"+value+"'")
		}
		if strings.Trim(value, " \t") == value && !strings.HasPrefix(value, `"`) && !strings.HasPrefix(value, "'") {
			add(value, value)
		}
	}
	add(`a\b\`, `"a\b\\"`)
	file := serverRC(t, mustNew(t, nil, nil), text.String())
	for _, shell := range shells(t) {
		got := source(t, shell, []string{"LC_ALL=C.UTF-8"}, `. "$1"`, file)
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%v: %s is %q, want %q", shell, name, got[name], value)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%v: %d variables, want %d", shell, len(got), len(want))
		}
	}
}

func TestServerRCRefuses(t *testing.T) {
	e := mustNew(t, []Var{Literals("PROJECT_BASE", Set, "/opt/x/app"), Literals("PERL5LIB", Path, "/opt/x/lib")}, nil)
	for text, want := range map[string]string{
		"A":              "env:1: expected NAME=value",
		"\n\nexport A=b": "env:3: the name is not one of a variable",
		"A = b":          "env:1: the name is not one of a variable",
		"1A=b":           "env:1: the name is not one of a variable",
		"=b":             "env:1: the name is not one of a variable",
		"PERL5LIB=/x":    "env:1: PERL5LIB is set by the shell or by envbuild",
		"PROJECT_BASE=x": "env:1: PROJECT_BASE is set by the shell or by envbuild",
		"BASH_X=x":       "env:1: BASH_X is set by the shell or by envbuild",
		"envbuild_x=x":   "env:1: envbuild_x is set by the shell or by envbuild",
		"IFS=x":          "env:1: IFS is set by the shell or by envbuild",
		`A="b`:           "env:1: the quotes don't end with the line",
		`A="b" c`:        "env:1: the quotes don't end with the line",
		`A="b\"`:         "env:1: the quotes don't end with the line",
		`A='b`:           "env:1: the quotes don't end with the line",
		`A='b'c'`:        "env:1: the quotes don't end with the line",
	} {
		file := serverRC(t, e, text)
		for _, shell := range shells(t) {
			cmd := exec.Command(shell[0], append(shell[1:len(shell):len(shell)], "-c", `. "$1" || exit 125`, "sh", file)...)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 125 || !strings.HasSuffix(strings.TrimSpace(string(out)), want) {
				t.Errorf("%v, %q: code %d, %s", shell, text, code, out)
			}
		}
	}
	if _, err := e.ServerRC("/opt/x/env.rc", "etc/env"); err == nil {
		t.Error("a relative path is accepted")
	}
}

// TestServerRCUnreadable asks as a user who may not read the file.
func TestServerRCUnreadable(t *testing.T) {
	if os.Getuid() != 0 {
		skiptest.Because(t, "only root can become another user")
	}
	dir, err := os.MkdirTemp("", "eb")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	rc, err := mustNew(t, nil, nil).ServerRC("/opt/x/env.rc", filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	for name, perm := range map[string]os.FileMode{"env": 0o600, "env.rc": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), rc, perm); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", `. "$1" || exit 125`, "sh", filepath.Join(dir, "env.rc"))
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 125 || !strings.Contains(string(out), "can't read "+filepath.Join(dir, "env")) {
		t.Errorf("%v %s", cmd.ProcessState, out)
	}
}
