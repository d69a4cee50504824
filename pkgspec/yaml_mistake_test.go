package pkgspec

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestFindMistake wants the mistake where ‸ stands.
func TestFindMistake(t *testing.T) {
	for _, marked := range []string{
		"app:\n‸\tfiles: [x]\n",
		"services:\n  web:\n    run: [script/web]\n‸\tuser: x\n",
		"description: |\n  x\n‸\ty\nversion: 1\n",

		"version: 1\n  ‸maintainer: x\n",
		"app:\n  files:\n    - lib\n   ‸- script\n",
		"env:\n  A: x\n ‸B: y\n",
		"env:\n    A: x\n  ‸B: y\nversion: 1\n",
		"services:\n  web:\n    run: [script/web]\n     ‸user: x\n",
		"env:\n\n  A: x\n\n  # c\n   ‸B: y\n",
		"env:\n  - A: x\n  ‸B: y\n",
		"description: >\n  x\n ‸y\nversion: 1\n",
		"version: 1\n‸- x\n",
		"‸app\n  files: [x]\n",
		"‸version:1\nmaintainer: x\n",
		"version: 1\n‸: x\n",
		"env:\n  A:\tx\n  ‸B:x\n  C: y\n",
		"app:\n  files: ‸- x\n",

		"description: web‸: the application\n",
		"env:\n  A: x‸: y\n",
		"description: \"x\" ‸y\n",
		"description: 'it'‸s'\n",
		"a: 'x' ‸'y'\n",
		"version: ‸@x\n",
		"version: ‸`x`\n",
		"version: ‸%x\n",
		"env:\n  A: ‸>=5.30 <5.40\n",
		"app:\n  files: [‸*.psgi]\n",
		"app:\n  files:\n  - ‸*.psgi\n",
		"a: ‸&\n",

		"description: ‸\"web\n",
		"description: ‸'web\nversion: 1\n",
		"env: {A: ‸\"x, B: y}\nversion: 1\n",
		"env:\n  A: \"x\n\n  B: y\"\n  C: ‸\"z\n",
		"env:\n  A: ‸\"x\n  B: \"y\"\n  C: z\n",
		"description: \"a‸\\qb\"\n",
		"a: \"‸\\u12\"\n",

		"env_files: ‸[x\nversion: 1\n",
		"app: ‸{files: [x], \nversion: 1\nservices:\n  web: {run: [x]}\n",
		"package:\n  depends: ‸[a, b\n  section: web\n",
		"description: ‸[x\n",
		"app: {files: [x, y‸}\n",
		"app: {files: x‸]}\n",
		"env: [a, b: c, {d‸]\n",
		"a: {b: ‸]}\n",
		"package:\n  depends: [a, b]‸]\n  section: web\n",
		"package:\n  depends: {a: b}‸}\n",
		"env:\n  A: [x]‸y\n",
		"env: {A: x} ‸y\n",
		"env: {A: x\n  ‸B: y}\n",
		"services:\n  web: {run: [x, $‸{PORT}]}\n",
		"services:\n  web: {run: [x], listen: $‸{PORT}, user: x}\n",
		"services: [a, b,‸, c]\n",
		"services: {a, b,‸, c}\n",
		"services: {a: b c‸: d}\n",
		"services: {a: \"b\" ‸c}\n",
	} {
		marked = "name: app\nruntime: {perl: 5}\n" + marked
		want := strings.Index(marked, "‸")
		text := strings.Replace(marked, "‸", "", 1)
		if err := yaml.Unmarshal([]byte(text), new(yaml.Node)); err == nil {
			t.Errorf("this is YAML:\n%s", text)
		}
		if m := findMistake(text); m == nil {
			t.Errorf("nothing is found in\n%s", marked)
		} else if m.pos != want {
			t.Errorf("found: %s\n%s‸%s\nwant\n%s", m.message, text[:m.pos], text[m.pos:], marked)
		}
	}
}

// goodYAML is what the finder has to read past.
const goodYAML = `%YAML 1.2
--- # a comment
name: "a # b: c" # d: e
"quoted key": 'it''s'
'x: y': z:z
url: http://x/#y
plain: some words
  and more
  # no comment
folded: >-
  a: b
   - c
  "d

literal: |  # comment
    x
    	y
list:
- a
- b: c
  d: e
-
  f: g
- - h
  - i: j
- "k"
nested:
    deep: {a: [b, c: d, "e": f, {g}], h: , "i":j,
      k: 'l', # m: n]
      o: a # ]
    }
last: [
  a, b
]
anchor: &x !!str y
alias: *x
empty:
escapes: "\x41\u00e9\U0001F600\n\
  next\"line"
`

func TestFindMistakeInGoodYAML(t *testing.T) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{goodYAML[strings.Index(goodYAML, "---"):], string(full)}
	for _, b := range badSpecs() {
		texts = append(texts, minimal+b.text)
	}
	for _, text := range texts {
		if err := yaml.Unmarshal([]byte(text), new(yaml.Node)); err != nil {
			continue
		}
		if m := findMistake(text); m != nil {
			t.Errorf("%s, %s:\n%s‸%s", m.message, m.hint, text[:m.pos], text[m.pos:])
		}
	}
	if err := yaml.Unmarshal([]byte(texts[0]), new(yaml.Node)); err != nil {
		t.Error(err)
	}
}

func FuzzFindMistake(f *testing.F) {
	f.Add(goodYAML)
	f.Add("{#p")
	for _, b := range badSpecs() {
		if len(b.text) < 10000 {
			f.Add(b.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m := findMistake(text); m != nil && (m.pos < 0 || m.pos > len(text) || m.message == "") {
			t.Errorf("%q: %+v", text, m)
		}
	})
}
