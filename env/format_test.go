package env

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/joho/godotenv"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// carried encodes each value alone, checks that what a format refuses is a
// ValueError, and returns the assignments that it carries.
func carried(t testing.TB, format Format, values []string) (list []Assignment) {
	t.Helper()
	for i, value := range values {
		a := Assignment{Name: fmt.Sprintf("V%d", i), Value: value}
		_, err := Encode(format, []Assignment{a})
		var refused *ValueError
		switch {
		case err == nil:
			list = append(list, a)
		case !errors.As(err, &refused) || refused.Hint() == "":
			t.Errorf("%s, %q: %v", format, value, err)
		}
	}
	return list
}

func mustEncode(t testing.TB, format Format, list []Assignment) []byte {
	t.Helper()
	text, err := Encode(format, list)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func compare(t *testing.T, list []Assignment, got map[string]string) {
	t.Helper()
	for _, a := range list {
		if value, ok := got[a.Name]; !ok || value != a.Value {
			t.Errorf("%s is %q, want %q", a.Name, value, a.Value)
		}
	}
	if len(got) != len(list) {
		t.Errorf("%d variables, want %d", len(got), len(list))
	}
}

func TestJSON(t *testing.T) {
	list := carried(t, JSON, hostile())
	if len(list) != len(utf8Only(hostile())) {
		t.Errorf("carries %d values of UTF-8", len(list))
	}
	var got map[string]string
	if err := json.Unmarshal(mustEncode(t, JSON, list), &got); err != nil {
		t.Fatal(err)
	}
	compare(t, list, got)
	if text := string(mustEncode(t, JSON, []Assignment{{Name: "A", Unset: true}, {Name: "B", Value: "<"}})); text != "{\n  \"A\": null,\n  \"B\": \"<\"\n}\n" {
		t.Errorf("%s", text)
	}
	if text := string(mustEncode(t, JSON, nil)); !json.Valid([]byte(text)) {
		t.Errorf("%s", text)
	}
}

func TestDotenv(t *testing.T) {
	list := carried(t, Dotenv, hostile())
	if len(list) < len(hostile())*3/4 {
		t.Errorf("carries only %d of %d values", len(list), len(hostile()))
	}
	text := mustEncode(t, Dotenv, list)
	got, err := godotenv.UnmarshalBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, list, got)
	parses(t, text)
	for _, shell := range shells(t) { // source fails if anything ran
		source(t, shell, nil, `. "$1"`, writeTemp(t, "env", text, 0o644))
	}
	file, err := parseFile("x", mustEncode(t, Dotenv, carried(t, Dotenv, []string{"a b", "it's", "$X", "a\nb", `"`})))
	if err != nil || file.vars["V1"].value != "it's" {
		t.Errorf("our own reader: %v", err)
	}
}

// TestSystemd reads the file back with systemd's own decoder, and with a model
// of it.
func TestSystemd(t *testing.T) {
	list := carried(t, Systemd, hostile())
	if len(list) != len(utf8Only(hostile())) {
		t.Errorf("carries %d values of UTF-8", len(list))
	}
	text := mustEncode(t, Systemd, list)
	compare(t, list, systemdModel(t, string(text)))
	for _, shell := range shells(t) {
		got := source(t, shell, nil, `set -a; . "$1"`, writeTemp(t, "env", text, 0o644))
		for _, a := range list {
			if got[a.Name] != a.Value {
				t.Errorf("%v: %s is %q, want %q", shell, a.Name, got[a.Name], a.Value)
			}
		}
	}
	t.Run("real", func(t *testing.T) { compare(t, list, systemdReal(t, text)) })
}

// systemdReal runs load_env_file of the library that systemd itself is made of.
func systemdReal(t *testing.T, text []byte) map[string]string {
	libs, _ := filepath.Glob("/usr/lib/*/systemd/libsystemd-shared-*.so")
	if len(libs) == 0 {
		skiptest.Because(t, "systemd's library is not installed")
	}
	skiptest.Without(t, "gcc")
	dir := t.TempDir()
	code := `#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
	void *lib = dlopen(argv[1], RTLD_NOW);
	if (!lib) { fputs(dlerror(), stderr); return 1; }
	int (*load)(FILE *, const char *, char ***) = dlsym(lib, "load_env_file");
	char **list = NULL;
	int r = load(NULL, argv[2], &list);
	if (r < 0) { fprintf(stderr, "error %d\n", r); return 1; }
	for (; list && *list; list++) { fputs(*list, stdout); putchar(0); }
	return 0;
}`
	if err := os.WriteFile(filepath.Join(dir, "load.c"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-o", dir+"/load", dir+"/load.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("can't compile: %s", out)
	}
	out, err := exec.Command(dir+"/load", libs[0], writeTemp(t, "env", text, 0o644)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return split(strings.Split(string(out), "\x00"))
}

// systemdModel reads lines NAME="value" and comments as parse_env_file does.
func systemdModel(t testing.TB, text string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for text != "" {
		if text[0] == '#' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		name, rest, _ := strings.Cut(text, "=")
		value, rest, ok := systemdUnquote(rest)
		if !ok || !strings.HasPrefix(rest, "\n") {
			t.Fatalf("bad line at %.40q", text)
		}
		got[name], text = value, rest[1:]
	}
	return got
}

func systemdUnquote(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", s, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"\\`$", s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\n':
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	return "", s, false
}

func TestGitHub(t *testing.T) {
	list := carried(t, GitHub, hostile())
	if len(list) != len(utf8Only(hostile())) {
		t.Errorf("carries %d values of UTF-8", len(list))
	}
	got, err := githubModel("BEFORE=1\n" + string(mustEncode(t, GitHub, list)) + "AFTER=1\n")
	if err != nil {
		t.Fatal(err)
	}
	if got["BEFORE"] != "1" || got["AFTER"] != "1" {
		t.Error("what others wrote is spoilt")
	}
	delete(got, "BEFORE")
	delete(got, "AFTER")
	compare(t, list, got)
	for _, name := range []string{"NODE_OPTIONS", "GITHUB_X", "RUNNER_X"} {
		if _, err := Encode(GitHub, []Assignment{{Name: name}}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// githubModel reads $GITHUB_ENV as the runner does (actions/runner,
// FileCommandManager.cs): lines end with a line feed alone.
func githubModel(text string) (map[string]string, error) {
	got := map[string]string{}
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case line == "":
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			got[line[:equals]] = line[equals+1:]
		case heredoc > 0 && line[heredoc+2:] != "":
			end := line[heredoc+2:]
			var lines []string
			for {
				if text == "" {
					return nil, fmt.Errorf("no %s", end)
				}
				var next string
				if next, text, _ = strings.Cut(text, "\n"); next == end {
					break
				}
				lines = append(lines, next)
			}
			got[line[:heredoc]] = strings.Join(lines, "\n")
		default:
			return nil, fmt.Errorf("bad line %q", line)
		}
	}
	return got, nil
}

func TestEncodeRefuses(t *testing.T) {
	for _, format := range []Format{JSON, Dotenv, Systemd, GitHub} {
		for _, a := range []Assignment{
			{Name: "A", Value: "\x00"}, {Name: "A B"}, {Name: ""}, {Name: "A\n"}, {Name: "A", Value: strings.Repeat("x", maxAssignment)},
		} {
			if _, err := Encode(format, []Assignment{a}); err == nil {
				t.Errorf("%s takes %.20q=%.20q", format, a.Name, a.Value)
			}
		}
	}
	if _, err := Encode(GitHub, []Assignment{{Name: "A", Unset: true}}); err == nil {
		t.Error("github takes a removal")
	}
	for _, format := range []Format{Sh, "xml", ""} {
		if _, err := Encode(format, nil); err == nil {
			t.Errorf("%q is taken", format)
		}
	}
}

func FuzzFormats(f *testing.F) {
	for _, s := range hostile()[:100] {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		a := []Assignment{{Name: "A", Value: value}, {Name: "B", Value: "b"}}
		for _, format := range []Format{JSON, Dotenv, Systemd, GitHub} {
			text, err := Encode(format, a)
			var refused *ValueError
			if errors.As(err, &refused) {
				if format != Dotenv && utf8.ValidString(value) && checkValue("A", value) == nil {
					t.Errorf("%s refuses %q", format, value)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			switch format {
			case JSON:
				err = json.Unmarshal(text, &got)
			case Dotenv:
				got, err = godotenv.UnmarshalBytes(text)
				parses(t, text)
			case Systemd:
				got = systemdModel(t, string(text))
			case GitHub:
				got, err = githubModel(string(text))
			}
			if err != nil || len(got) != 2 || got["A"] != value || got["B"] != "b" {
				t.Errorf("%s: %q is read as %q, %v", format, value, got, err)
			}
		}
	})
}
