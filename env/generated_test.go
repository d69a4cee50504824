package env

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/envbuild/envbuild/templates"
)

func TestGenerated(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"# " + templates.Mark + "\n", true},
		{"#!/bin/sh\n# " + templates.Mark + "\nx", true},
		{"#!/bin/sh\r\n\r\n#" + templates.Mark, true},
		{"", false},
		{"#\n", false},
		{"export A=1\n# " + templates.Mark, false},
		{"# once this was: " + templates.Mark, false},
		{templates.Mark, false},
	}
	for _, tt := range tests {
		if got := Generated([]byte(tt.text)); got != tt.want {
			t.Errorf("%q: %v", tt.text, got)
		}
	}
}

func TestWriteGenerated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config/env.rc")
	data := []byte("# " + templates.Mark + "\n")
	if err := WriteGenerated(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	before := stat(t, path)
	if err := WriteGenerated(path, data, 0o644); err != nil || !os.SameFile(before, stat(t, path)) {
		t.Errorf("the same again is written again (%v)", err)
	}
	if err := WriteGenerated(path, data, 0o755); err != nil || stat(t, path).Mode() != 0o755 {
		t.Errorf("the mode isn't changed (%v)", err)
	}
	if err := WriteGenerated(path, append(data, "A=1\n"...), 0o755); err != nil || stat(t, path).Size() == before.Size() {
		t.Errorf("a new content isn't written (%v)", err)
	}
	if err := os.WriteFile(path, []byte("export PORT=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var byHand *NotGeneratedError
	if err := WriteGenerated(path, data, 0o644); !errors.As(err, &byHand) || !strings.Contains(byHand.Hint(), "\nenv:\n  PORT: \"1\"") {
		t.Errorf("a hand-written file: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "export PORT=1\n" {
		t.Errorf("it is %q now", text)
	}
	if err := WriteGenerated(t.TempDir(), data, 0o644); err == nil {
		t.Error("a directory is replaced")
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

const byHand = `#!/bin/bash
# our environment
export PROJECT_BASE="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
LOCAL=$PROJECT_BASE/local
export PATH="$LOCAL/bin:${PROJECT_BASE}/script:$PATH"
export PERL5LIB=$PROJECT_BASE/lib:$LOCAL/lib/perl5${PERL5LIB:+:$PERL5LIB}
export PLACK_PORT=5555 PLACK_ENV='it is "so"'   # two
export MONEY=\$5 EMPTY= TEXT="a
b"
OUT=1
export OUT
export HOST=$(hostname) WHEN=` + "`date`" + `
export DEFAULT=${X:-y}
export LOGS=~/logs
if [ -f /etc/x ]; then . /etc/x; fi
alias ll='ls -l'
export TWICE=1
export TWICE=2
if true; then
	export IF=1
fi
export OPTIONS+=" -x" BRACES={a,b} && export AND=1
: "${SET:=1}"
export SET SUBSHELL_$(export NOT=1)
declare -x DECLARED=1
export LATIN="caf` + "\xe9" + `"
case $X in
export BROKEN=1
`

func TestTakeOver(t *testing.T) {
	err := &NotGeneratedError{"config/env.rc", findAssignments([]byte(byHand))}
	want := `take its variables over into envbuild.yaml, then move the file away:
env:
  PATH: ["${PROJECT_BASE}/local/bin", "${PROJECT_BASE}/script"]
  PERL5LIB: ["${PROJECT_BASE}/lib", "${PROJECT_BASE}/local/lib/perl5"]
  PLACK_PORT: "5555"
  PLACK_ENV: "it is \"so\""
  MONEY: "$$5"
  EMPTY: ""
  TEXT: "a\nb"
  OUT: "1"
# line 12: HOST has to be taken over by hand
# line 12: WHEN has to be taken over by hand
# line 13: DEFAULT has to be taken over by hand
# line 14: LOGS has to be taken over by hand
# line 17: TWICE has to be taken over by hand
# line 18: TWICE has to be taken over by hand
# line 20: IF has to be taken over by hand
# line 22: OPTIONS has to be taken over by hand
# line 22: BRACES has to be taken over by hand
# line 22: AND has to be taken over by hand
# line 23: SET has to be taken over by hand
# line 25: DECLARED has to be taken over by hand
# line 26: LATIN has to be taken over by hand
# line 28: BROKEN has to be taken over by hand`
	if got := err.Hint(); got != want {
		t.Errorf("got:\n%s", got)
	}
	if hint := (&NotGeneratedError{Path: "x"}).Hint(); strings.Contains(hint, "env:\n") {
		t.Errorf("%s", hint)
	}
}

// FuzzFindAssignments checks the values against a shell's: what is called static is
// what the word expands to. It also must read back what quote writes.
func FuzzFindAssignments(f *testing.F) {
	f.Add(byHand)
	f.Add(`\\\`)
	f.Add("<<000&")
	f.Add("A=x\n" + strings.Repeat("A=$A$A\n", 100) + "export A\n")
	for _, s := range hostile()[:100] {
		f.Add("export A=" + s + "\n")
		f.Add("export A=" + quote(s) + " B='" + s + "'\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := findAssignments([]byte(text))
		_ = (&NotGeneratedError{"x", found}).Hint()
		if len(text) > 1000 || strings.ContainsAny(text, "\x00\r\n\ufffd") || !utf8.ValidString(text) {
			return
		}
		line := "export A=" + quote(text) + "\n"
		found = findAssignments([]byte(line))
		if len(found) != 1 || !found[0].Static || found[0].Value.Expand(nil) != text {
			t.Errorf("%q is read as %+v", line, found)
		}
		compareWord(t, text)
	})
}

// compareWord lets sh expand text, as the value of an assignment, with each
// variable's name for its value.
func compareWord(t *testing.T, text string) {
	line := "export A=" + text + "\n"
	found := findAssignments([]byte(line))
	if len(found) != 1 || !found[0].Static || found[0].Name != "A" {
		return
	}
	tree, err := syntax.NewParser().Parse(strings.NewReader(line), "")
	if err != nil {
		t.Fatalf("%q is called static: %v", line, err)
	}
	if len(tree.Stmts) != 1 {
		return
	}
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp:
			t.Fatalf("%q is called static", line)
		}
		return true
	})
	cmd := exec.Command("/bin/sh", "-c", line+"\nprintf %s \"$A\"")
	var want strings.Builder
	for _, p := range found[0].Value {
		want.WriteString(p.Literal)
		if p.Ref != "" {
			want.WriteString("<" + p.Ref + ">")
			cmd.Env = append(cmd.Env, p.Ref+"=<"+p.Ref+">")
		}
		if keptByShell(p.Ref) {
			return
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != want.String() {
		t.Errorf("%q is read as %q, sh reads %q, %v", line, want.String(), out, err)
	}
}
