package deb822

import (
	"fmt"
	"strings"
	"testing"
)

// dump writes paragraphs in a form that tells everything.
func dump(text string) string {
	var b strings.Builder
	for p, err := range Paragraphs(text) {
		for _, f := range p {
			fmt.Fprintf(&b, "%s=%q ", f.Name, f.Value)
		}
		if err != nil {
			fmt.Fprintf(&b, "error: %v ", err)
		}
		b.WriteString("| ")
	}
	return strings.TrimSuffix(b.String(), " | ")
}

func TestParagraphs(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":            {"", ""},
		"empty lines":        {"\n \n\t\r\n", ""},
		"a field":            {"A: b", `A="b"`},
		"spaces":             {"A:  b c \t\nB:c\n", `A="b c" B="c"`},
		"two paragraphs":     {"\nA: b\n\n\nC: d\n", `A="b" | C="d"`},
		"a line of spaces":   {"A: b\n  \nC: d\n", `A="b" | C="d"`},
		"continued":          {"A: b\n c\n\td\nB: e\n", `A="b\n c\n\td" B="e"`},
		"continued, empty":   {"A:\n b\n", `A="\n b"`},
		"space at line ends": {"A: b \n c \n d\nB: e\n", `A="b\n c\n d" B="e"`},
		"DOS lines":          {"A: b\r\n c\r\n\r\nB: d", `A="b\n c" | B="d"`},
		"comments":           {"# x\nA: b\n# y\n c\n#z\n d\nB: e\n", `A="b\n c\n d" B="e"`},
		"a colon in a value": {"A: b: c:d\n", `A="b: c:d"`},
		"a value is missing": {"A:\nB: \n", `A="" B=""`},
		"no field":           {"A: b\nno field\n c\n: d\nB: e\n\nC: f", `A="b\n c" B="e" error: line "no field" is not a field | C="f"`},
		"continues nothing":  {" a\nB: c\n", `B="c" error: line " a" is not a field`},
		"only a wrong line":  {"x\n\nA: b\n", `error: line "x" is not a field | A="b"`},
	} {
		if got := dump(c.text); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestValue(t *testing.T) {
	p := Paragraph{{"Package", "a"}, {"package", "b"}}
	if p.Value("PACKAGE") != "a" || p.Value("Version") != "" {
		t.Errorf("%q, %q", p.Value("PACKAGE"), p.Value("Version"))
	}
}

func TestStop(t *testing.T) {
	n := 0
	for range Paragraphs("A: b\n\nC: d\n\nE: f\n") {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d paragraphs", n)
	}
}

func FuzzParagraphs(f *testing.F) {
	for _, seed := range []string{"A: b\n c\n\nB: d", "# x\nA:\n b \n c", "x\n y\n: z\n", "A: b\r\n#\n c\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		for p := range Paragraphs(text) {
			for _, f := range p {
				if f.Name == "" || strings.ContainsAny(f.Name, ": \t\n") || f.Name[0] == '#' {
					t.Errorf("the name %q", f.Name)
				}
				for i, line := range strings.Split(f.Value, "\n") {
					if i > 0 && (line == "" || line[0] != ' ' && line[0] != '\t') {
						t.Errorf("%s is continued by %q", f.Name, line)
					}
				}
				fmt.Fprintf(&b, "%s:%s\n", f.Name, f.Value)
			}
			b.WriteString("\n")
		}
		for _, err := range Paragraphs(b.String()) {
			if err != nil {
				t.Errorf("%q written again: %v", text, err)
			}
		}
	})
}
