package env

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joho/godotenv"
)

func TestParseFile(t *testing.T) {
	text := `# a comment
A=plain
export B = spaced out
C="double # \"quoted\" \$A \\ $A${B}x"   # comment
D='single $A # \n "x"'
E=
F=value # comment
G="two
lines"
H=no#comment
I: yaml
J="a\nb"
K=$ 5$
L=a=b
_m=1
`
	want := map[string]string{
		"A": "plain", "B": "spaced out", "C": `double # "quoted" $A \ plainspaced outx`, "D": `single $A # \n "x"`, "E": "", "F": "value",
		"G": "two\nlines", "H": "no#comment", "I": "yaml", "J": "a\nb", "K": "$ 5$", "L": "a=b", "_m": "1",
	}
	for _, input := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
		f := mustFile(t, ".env", input)
		if got := values(f); !maps.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if line := f.vars["H"].line; line != 10 {
			t.Errorf("H is in line %d", line)
		}
	}
}

func values(f File) map[string]string {
	got := map[string]string{}
	for name, v := range f.vars {
		got[name] = v.value
	}
	return got
}

func TestParseFileRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{"\ufeffA=1", "1: the file begins with a byte order mark"},
		{"A=1\nA-B=2", `2: "A-B" is not a valid name`},
		{"A.B=2", `1: "A.B" is not a valid name`},
		{"export A B=2", `1: "A B" is not a valid name`},
		{"1A=2", `1: "1A" is not a valid name`},
		{"export =2", `1: "" is not a valid name`},
		{"=2", `1: "" is not a valid name`},
		{"UID=2", `1: variable "UID": shells`},
		{"A", "1: a line without ="},
		{"\n\nA\nB=1", "3: a line without ="},
		{"A=1\x00", "1: a NUL byte"},
		{"#\nA=\xff", "2: not UTF-8"},
		{`A='it'\''s'`, "1: text after the closing quote"},
		{`A="x"B="y"`, "1: text after the closing quote"},
		{`A='it\'s'`, `1: \' keeps its backslash`},
		{"A=1\nB=\"x\n\\t\"", `3: an escape other than`},
		{`A="x`, "1: the quote isn't closed"},
		{`A="x\"`, "1: the quote isn't closed"},
		{`A="C:\\"`, "1: the quote isn't closed"},
		{`A="say \"hi\""`, `1: a value that ends in \" would lose the quote`},
		{`A=$B`, "1: $B isn't assigned earlier in this file"},
		{"A=${B}\nB=1", "1: $B isn't assigned earlier"},
		{`A=${HOME:-/x}`, "1: an expansion that godotenv doesn't know"},
		{`A="$(date)"`, "1: an expansion that godotenv doesn't know"},
		{`A=$5`, "1: $5 isn't assigned earlier"},
		{"abc=1\nA=$abc", "2: $abc isn't expanded as a whole"},
		{"A=1\nB=${A", "2: an expansion that godotenv doesn't know"},
		{"A=a # b # c", "1: the comment holds another #"},
		{"A=a\rB=b", "1: a carriage return without a line feed"},
		{"A=\u00a0x", "1: a no-break space"},
	}
	for _, tt := range tests {
		_, err := parseFile(".env", []byte(tt.text))
		var syntaxErr *SyntaxError
		if !errors.As(err, &syntaxErr) || !strings.HasPrefix(err.Error(), ".env:"+tt.want) {
			t.Errorf("%q: got %v, want .env:%s", tt.text, err, tt.want)
		}
	}
}

func TestReadFile(t *testing.T) {
	absent := filepath.Join(t.TempDir(), ".env")
	if f, err := ReadFile(absent, true); err != nil || f.Name != absent || len(f.vars) > 0 {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := ReadFile(absent, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := ReadFile(t.TempDir(), true); err == nil {
		t.Error("a directory is read")
	}
	if f, err := ReadFile(writeTemp(t, ".env", []byte("A=1\n"), 0o600), false); err != nil || f.vars["A"].value != "1" {
		t.Errorf("%v, %v", f, err)
	}
}

// FuzzParseFile checks that what is accepted is godotenv's own reading, and
// that of somebody who takes the file's syntax at its word.
func FuzzParseFile(f *testing.F) {
	for _, s := range hostile()[:150] {
		f.Add("A=1\nB=" + s)
		f.Add("A=1\nexport B = \"" + s + "\" # x\n")
		f.Add("B='" + s + "'\r\nC: ${B} $B\n")
	}
	f.Add("export =")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseFile("f", []byte(text))
		if err != nil {
			var syntaxErr *SyntaxError
			if !errors.As(err, &syntaxErr) || syntaxErr.Line < 1 || syntaxErr.Line > 1+strings.Count(text, "\n") {
				t.Fatalf("%v", err)
			}
			return
		}
		if want, err := godotenv.Unmarshal(text); err != nil || !maps.Equal(values(file), want) {
			t.Errorf("%q is %q, by godotenv %q, %v", text, values(file), want, err)
		}
		if want, err := literally(text); err != nil || !maps.Equal(values(file), want) {
			t.Errorf("%q is %q, literally %q, %v", text, values(file), want, err)
		}
	})
}

// literally reads an env file in the plainest way: one value after the other,
// escapes and references from left to right.
func literally(text string) (map[string]string, error) {
	got := map[string]string{}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for {
		text = strings.TrimLeft(text, " \t\n\v\f")
		if text == "" {
			return got, nil
		}
		if text[0] == '#' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		i := strings.IndexAny(text, "=:")
		if i < 0 {
			return nil, fmt.Errorf("no = in %q", text)
		}
		fields := strings.Fields(text[:i])
		name := fields[len(fields)-1]
		text = strings.TrimLeft(text[i+1:], " \t\v\f")
		quote, value := byte(0), ""
		if text != "" && (text[0] == '"' || text[0] == '\'') {
			quote, text = text[0], text[1:]
		}
		value, text = literalValue(text, quote, got)
		got[name] = value
		if quote != 0 { // a comment may follow
			_, text, _ = strings.Cut(text, "\n")
		}
	}
}

// literalValue reads a value behind its opening quote, or one without quotes.
func literalValue(text string, quote byte, vars map[string]string) (value, rest string) {
	if quote == 0 {
		text, rest, _ = strings.Cut(text, "\n")
		for i := 1; i < len(text); i++ {
			if text[i] == '#' && strings.IndexByte(" \t\v\f", text[i-1]) >= 0 {
				text = text[:i]
			}
		}
		text = strings.TrimRight(text, " \t\v\f")
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			return b.String(), text[i+1:]
		case quote == '"' && c == '\\':
			i++
			b.WriteString(strings.NewReplacer("n", "\n", "r", "\r").Replace(text[i : i+1]))
		case quote == 0 && c == '\\' && strings.HasPrefix(text[i+1:], "$"):
			i++
			b.WriteByte('$')
		case quote != '\'' && c == '$':
			name, braces := strings.CutPrefix(text[i+1:], "{")
			n := 0
			for n < len(name) && isNameByte(name[n]) {
				n++
			}
			if n == 0 {
				b.WriteByte('$')
				continue
			}
			b.WriteString(vars[name[:n]])
			i += n
			if braces {
				i += 2
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), rest
}
