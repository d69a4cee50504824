package env

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		t.Error("a folder is replaced")
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
`

func TestTakeOver(t *testing.T) {
	err := &NotGeneratedError{"config/env.rc", scanShell([]byte(byHand))}
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
# line 18: TWICE has to be taken over by hand`
	if got := err.Hint(); got != want {
		t.Errorf("got:\n%s", got)
	}
	if hint := (&NotGeneratedError{Path: "x"}).Hint(); strings.Contains(hint, "env:\n") {
		t.Errorf("%s", hint)
	}
}

// FuzzScanShell checks the scanner against a real parser: a value that it calls
// static is the word that the parser sees. It also must read back what quote
// writes.
func FuzzScanShell(f *testing.F) {
	f.Add(byHand)
	f.Add(`\\\`)
	f.Add("A=x\n" + strings.Repeat("A=$A$A\n", 100) + "export A\n")
	for _, s := range hostile()[:100] {
		f.Add("export A=" + s + "\n")
		f.Add("export A=" + quote(s) + " B='" + s + "'\n")
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := scanShell([]byte(text))
		_ = (&NotGeneratedError{"x", found}).Hint()
		if len(text) > 1000 || strings.ContainsAny(text, "\x00\n") {
			return
		}
		line := "export A=" + quote(text) + "\n"
		found = scanShell([]byte(line))
		if len(found) != 1 || !found[0].Static || found[0].Value.Expand(nil) != text {
			t.Errorf("%q is read as %+v", line, found)
		}
		compareWord(t, text)
	})
}

// compareWord reads text as the value of a simple assignment with both.
func compareWord(t *testing.T, text string) {
	line := "export A=" + text + "\n"
	tree, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(bytes.NewReader([]byte(line)), "")
	if err != nil || len(tree.Stmts) != 1 {
		return
	}
	call, ok := tree.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) != 2 || len(tree.Stmts[0].Redirs) > 0 || tree.Stmts[0].Background {
		return
	}
	for _, found := range scanShell([]byte(line)) {
		if !found.Static {
			continue
		}
		var want, got strings.Builder
		for _, p := range found.Value {
			fmt.Fprintf(&got, "%s%s", p.Literal, p.Ref)
		}
		if !wordText(&want, call.Args[1].Parts, false) {
			t.Errorf("%q is called static", line)
		}
		if "A="+got.String() != want.String() {
			t.Errorf("%q is read as %q, want %q", line, got.String(), want.String())
		}
	}
}

// wordText writes a word without its quotes; a reference is its name. It
// reports whether the word has nothing else.
func wordText(b *strings.Builder, parts []syntax.WordPart, quoted bool) bool {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			unescape(b, p.Value, quoted)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			if !wordText(b, p.Parts, true) {
				return false
			}
		case *syntax.ParamExp:
			if p.Exp != nil && p.Exp.Op == syntax.AlternateUnsetOrNull {
				b.WriteByte(':')
			}
			b.WriteString(p.Param.Value)
		default:
			return false
		}
	}
	return true
}

func unescape(b *strings.Builder, s string, quoted bool) {
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], "\\\n") {
			i++
			continue
		}
		if s[i] == '\\' && i+1 < len(s) && (!quoted || strings.IndexByte("\"\\$`", s[i+1]) >= 0) {
			i++
		}
		b.WriteByte(s[i])
	}
}
