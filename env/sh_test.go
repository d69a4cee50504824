package env

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/pkgspec"
)

var update = flag.Bool("update", false, "write the golden files")

// shells are the ways in which a shell may read a file.
func shells(t testing.TB) [][]string {
	t.Helper()
	all := [][]string{{"dash"}, {"bash"}, {"bash", "--posix"}}
	for _, s := range all {
		skiptest.Without(t, s[0])
	}
	return all
}

// source runs script in a shell under -eu with file as $1 and returns the
// environment that it leaves. Nothing may be left behind in its directory.
func source(t testing.TB, shell []string, caller []string, script, file string) map[string]string {
	t.Helper()
	args := append(slices.Clone(shell), "-euc", script+"\nexec /usr/bin/env -0", "sh", file)
	path, err := exec.LookPath(args[0])
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Cmd{Path: path, Args: args, Env: caller, Dir: t.TempDir(), Stdout: &stdout, Stderr: &stderr}
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", shell, err, stderr.Bytes())
	}
	if left, _ := os.ReadDir(cmd.Dir); len(left) > 0 {
		t.Fatalf("%v ran something: %v", shell, left)
	}
	state := split(strings.Split(stdout.String(), "\x00"))
	for _, own := range []string{"_", "PWD", "OLDPWD", "SHLVL"} {
		delete(state, own)
	}
	return state
}

// parses checks that text is a shell file for strict parsers of both kinds. They
// refuse what isn't UTF-8, which shells don't.
func parses(t testing.TB, text []byte) {
	t.Helper()
	text = bytes.ToValidUTF8(text, []byte("?"))
	for _, lang := range []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash} {
		if _, err := syntax.NewParser(syntax.Variant(lang)).Parse(bytes.NewReader(text), lang.String()); err != nil {
			t.Error(err)
		}
	}
}

func writeTemp(t testing.TB, name string, data []byte, perm os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, perm); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRC(t testing.TB, e *Environment) []byte {
	t.Helper()
	text, err := e.RC("/srv/app/config/env.rc")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRCIsResolve checks that a shell that sources env.rc, once or twice, has
// what Resolve says.
func TestRCIsResolve(t *testing.T) {
	environments := map[string]*Environment{
		"sample": sample(t),
		"empty":  mustNew(t, nil, nil),
		"lists": mustNew(t, []Var{Literals("P", Path, "/a", "/b", "/a"), Literals("Q", Path, "/q")}, []pkgspec.EnvVar{
			list("P", pkgspec.Value{lit("/x*[a]")}, pkgspec.Value{lit("/b")}, pkgspec.Value{ref("ABSENT")}),
			list("TAIL", pkgspec.Value{lit(`/\`)}, pkgspec.Value{lit("/$(touch pwned)")}),
			set("ALL", ref("P"), lit("|"), ref("TAIL"), ref("Q")),
		}),
	}
	callers := map[string][]string{
		"little": {"LC_ALL=C", "PATH="},
		"plain":  {"PATH=/usr/bin:/bin", "HOME=/home/a b", "USER=ada", "LC_ALL=C.UTF-8", "PERL5OPT=-w"},
		"sticky": {"PATH=:/v/local/bin:/v/local/bin::/bin:", "TAIL=/x*[a]:/\\:/\\:*:", "HOME=*", "USER=$(touch pwned)"},
		"strange": {"PATH=/v/runtime/bin", "TAIL=~:\xff:\\:/$(touch pwned)", "P=/caller", "HOME=/\x80\x01'\"",
			"CDPATH=/", "LC_ALL=C.UTF-8", "USER=\n"},
	}
	for name, e := range environments {
		file := writeTemp(t, "env.rc", mustRC(t, e), 0o644)
		parses(t, mustRC(t, e))
		for callerName, caller := range callers {
			list, err := e.Resolve(caller, Overlay{})
			if err != nil {
				t.Fatal(err)
			}
			want := split(list)
			for _, shell := range shells(t) {
				for _, script := range []string{`. "$1"`, `. "$1"; . "$1"`, `set -f; IFS=/:a; . "$1"; unset IFS`, `a=$(. "$1"; echo "${PATH-}"); . "$1"; [ "$a" = "${PATH-}" ]`} {
					got := source(t, shell, caller, script, file)
					if !maps.Equal(got, want) {
						t.Errorf("%s, %s, %v, %s:\ngot  %q\nwant %q", name, callerName, shell, script, got, want)
					}
				}
			}
		}
	}
}

// TestRCHostile checks that every value arrives in every shell as it is.
func TestRCHostile(t *testing.T) {
	var spec []pkgspec.EnvVar
	want := map[string]string{}
	for i, value := range hostile() {
		name := fmt.Sprintf("V%d", i)
		spec = append(spec, pkgspec.EnvVar{Name: name, Values: []pkgspec.Value{literal(value)}})
		want[name] = value
		if entry := strings.ReplaceAll(value, ":", ""); entry != "" && len(entry) < 1000 && utf8.ValidString(entry) {
			spec = append(spec, list("L"+name, literal(entry), pkgspec.Value{lit("/x")}))
			want["L"+name] = entry + ":/x"
			if entry == "/x" {
				want["L"+name] = "/x"
			}
		}
	}
	text := mustRC(t, mustNew(t, nil, spec))
	parses(t, text)
	file := writeTemp(t, "env.rc", text, 0o644)
	for _, locale := range []string{"C", "C.UTF-8"} {
		for _, shell := range shells(t) {
			got := source(t, shell, []string{"LC_ALL=" + locale}, `. "$1"; . "$1"`, file)
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%v in %s: %s is %q, want %q", shell, locale, name, got[name], value)
				}
			}
		}
	}
}

func TestGoldens(t *testing.T) {
	rc := mustRC(t, sample(t))
	script, err := Script("/srv/app/config/env.rc")
	if err != nil {
		t.Fatal(err)
	}
	assignments, err := sample(t).Assignments([]string{"PATH=/usr/bin:/bin", "USER=ada", "HOME=/home/ada", "PERL5OPT=-w"}, Overlay{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"env.rc": rc, "env.sh": script}
	for _, format := range []Format{JSON, Dotenv, Systemd} {
		if files["sample."+string(format)], err = Encode(format, assignments); err != nil {
			t.Fatal(err)
		}
	}
	if files["sample.github"], err = Encode(GitHub, slices.DeleteFunc(assignments, func(a Assignment) bool { return a.Unset })); err != nil {
		t.Fatal(err)
	}
	for name, got := range files {
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not as in testdata (%v):\n%s", name, err, got)
		}
	}
}

// TestScript runs env.sh for its exit codes, through a symlink and from afar.
func TestScript(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `it's "$(touch pwned)" $HOME \`)
	rc, script := filepath.Join(dir, "config/env.rc"), filepath.Join(dir, "script/env.sh")
	text, err := sample(t).RC(rc)
	if err != nil {
		t.Fatal(err)
	}
	scriptText, err := Script(rc)
	if err != nil {
		t.Fatal(err)
	}
	parses(t, scriptText)
	if err := WriteGenerated(rc, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteGenerated(script, scriptText, ScriptPerm); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(script, link); err != nil {
		t.Fatal(err)
	}
	plain := writeTemp(t, "plain", []byte("#!/bin/sh\n"), 0o644)
	tests := []struct {
		args   []string
		code   int
		stdout string
	}{
		{[]string{script, "sh", "-c", "exit 7"}, 7, ""},
		{[]string{script, "--", "printf", "%s", "$PLACK_PORT * a  b"}, 0, "$PLACK_PORT * a  b"},
		{[]string{link, "sh", "-c", "echo $PLACK_PORT"}, 0, "5555\n"},
		{[]string{script, "envbuild-no-such-command"}, 127, ""},
		{[]string{script, plain}, 126, ""},
		{[]string{script, "/"}, 126, ""},
		{[]string{script}, 2, ""},
		{[]string{script, "--"}, 2, ""},
		{[]string{script, "-x"}, 2, ""},
	}
	for _, shell := range shells(t) {
		for _, tt := range tests {
			var stdout bytes.Buffer
			args := append(slices.Clone(shell), tt.args...)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Stdout, cmd.Dir = &stdout, t.TempDir()
			cmd.Env = []string{"PATH=/usr/bin:/bin", "CDPATH=/"}
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || stdout.String() != tt.stdout {
				t.Errorf("%q: exit %d %q, want %d %q (%v)", args, code, stdout.String(), tt.code, tt.stdout, err)
			}
		}
	}
	if err := os.Remove(rc); err != nil {
		t.Fatal(err)
	}
	for _, shell := range shells(t) {
		cmd := exec.Command(shell[0], append(shell[1:], script, "true")...)
		if _ = cmd.Run(); cmd.ProcessState.ExitCode() != CodeFailed {
			t.Errorf("%v without env.rc: exit %d", shell, cmd.ProcessState.ExitCode())
		}
	}
}

func TestFileRefused(t *testing.T) {
	for _, bad := range []string{"", "config/env.rc", "/a\nb", "/a\x00", "/a\rb"} {
		if _, err := Script(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if _, err := sample(t).RC(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestDirenv loads env.rc through the .envrc of docs/environment.md, also under strict_env.
func TestDirenv(t *testing.T) {
	skiptest.Without(t, "direnv")
	direnv, err := exec.LookPath("direnv")
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"", "strict_env\n"} {
		dir, home := t.TempDir(), t.TempDir()
		rc := filepath.Join(dir, "config/env.rc")
		if err := WriteGenerated(rc, mustRC(t, sample(t)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".envrc"), []byte(head+"source_env config/env.rc\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		run := func(args ...string) string {
			cmd := exec.Command(direnv, args...)
			cmd.Dir, cmd.Env = dir, []string{"HOME=" + home, "PATH=/usr/bin:/bin", "PERL5OPT=-w"}
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %v", args, err)
			}
			return string(out)
		}
		run("allow", dir)
		got := run("exec", dir, "sh", "-c", `echo "$PLACK_PORT ${PERL5OPT-unset} $PATH ${envbuild_list-}"`)
		want := "5555 unset /srv/app/script:" + home + "/bin:/v/local/bin:/v/runtime/bin:/usr/bin:/bin \n"
		if got != want {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range hostile()[:100] {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) {
			return
		}
		if got, rest, ok := systemdUnquote(quote(s)); !ok || got != s || rest != "" {
			t.Errorf("%q reads as %q, %q", s, got, rest)
		}
		if !utf8.ValidString(s) {
			return // what the parser refuses and shells don't
		}
		text := []byte("export A=" + quote(s) + "\n")
		tree, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(bytes.NewReader(text), "")
		if err != nil {
			t.Fatal(err)
		}
		syntax.Walk(tree, func(node syntax.Node) bool {
			switch node.(type) {
			case *syntax.CmdSubst, *syntax.ParamExp, *syntax.ArithmExp, *syntax.ProcSubst:
				t.Errorf("%q holds an expansion", text)
			}
			return true
		})
		if len(tree.Stmts) != 1 {
			t.Errorf("%q is %d statements", text, len(tree.Stmts))
		}
	})
}

// BenchmarkScript compares env.sh with the command alone.
func BenchmarkScript(b *testing.B) {
	rc := writeTemp(b, "env.rc", mustRC(b, sample(b)), 0o644)
	text, err := Script(rc)
	if err != nil {
		b.Fatal(err)
	}
	script := writeTemp(b, "env.sh", text, ScriptPerm)
	for name, argv := range map[string][]string{
		"plain": {"/bin/true"}, "env.sh": {script, "/bin/true"}, "bash": {"bash", script, "/bin/true"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
