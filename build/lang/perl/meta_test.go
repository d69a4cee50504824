package perl

import (
	"encoding/json"
	"fmt"
	"testing"
)

const metaYAML = `---
abstract: 'It''s a: test'
author:
  - 'A. Author <a@example.org>'
  - B. Author
build_requires:
  Test::More: '0.98'
configure_requires:
  ExtUtils::MakeMaker: 0
  "Module::Build": 0.40   # why
dynamic_config: 0
license: perl
meta-spec:
  url: http://module-build.sourceforge.net/META-spec-v1.4.html
  version: '1.4'
name: Test-Dist
no_index:
  directory:
  - t
  - inc
provides:
  Test::Dist:
    file: lib/Test/Dist.pm
    version: 1.10
  Test::Dist::Other:
    file: lib/Test/Dist/Other.pm
requires:
  Carp: ~
  perl: 5.008001
recommends: {}
resources:
  repository: git://example.org/x.git
version: 1.10
x_static_install: 1
x_text: >
  folded
  text
`

const metaJSONText = `{
  "name": "Test-Dist", "version": 1.10, "license": ["perl_5"], "dynamic_config": 0, "x_static_install": "1",
  "prereqs": {
    "configure": {"requires": {"ExtUtils::MakeMaker": "0", "Module::Build": 0.40}},
    "build": {"requires": {"Test::More": "0.98"}},
    "runtime": {"requires": {"Carp": null, "perl": "5.008001"}, "recommends": {"X": 1}},
    "test": {"requires": {"Y": 1}}
  },
  "provides": {"Test::Dist": {"file": "x", "version": "1.10"}, "Test::Dist::Other": {"file": "y"}}
}`

func TestMeta(t *testing.T) {
	const want = "{Name:Test-Dist Version:1.10 Known:true DynamicConfig:false License:Artistic-1.0-Perl OR GPL-1.0-or-later Static:true " +
		"Configure:map[ExtUtils::MakeMaker:0 Module::Build:0.40] Build:map[Test::More:0.98] " +
		"Runtime:map[Carp: perl:5.008001] Provides:[{Name:Test::Dist Version:1.10} {Name:Test::Dist::Other Version:undef}]}"
	fromYAML, err := parseMetaYAML([]byte(metaYAML))
	if got := fmt.Sprintf("%+v", fromYAML); err != nil || got != want {
		t.Errorf("META.yml: %v\n%s\n%s", err, got, want)
	}
	fromJSON, err := parseMetaJSON([]byte(metaJSONText))
	if got := fmt.Sprintf("%+v", fromJSON); err != nil || got != want {
		t.Errorf("META.json: %v\n%s\n%s", err, got, want)
	}
}

func TestMetaOfOtherShapes(t *testing.T) {
	for _, bad := range []string{"", "[]", "null", "1", `"x"`, "{", `{"a":`} {
		if m, err := parseMetaJSON([]byte(bad)); err == nil {
			t.Errorf("META.json %q: %+v", bad, m)
		}
	}
	for _, bad := range []string{"", "- a\n- b\n", "just text\n", "a: 1\n   b: 2\n  c: 3\n", "a:\n    b: 1\n  c: 2\n"} {
		if m, err := parseMetaYAML([]byte(bad)); err == nil && len(m.Configure)+len(m.Runtime) > 0 {
			t.Errorf("META.yml %q: %+v", bad, m)
		}
	}
	m, err := parseMetaJSON([]byte(`{"prereqs": {"runtime": [], "build": {"requires": []}}, "requires": 1, "provides": []}`))
	if err != nil || !m.Known || !m.DynamicConfig || len(m.Build)+len(m.Runtime)+len(m.Provides) > 0 {
		t.Errorf("odd shapes: %+v, %v", m, err)
	}
}

func TestTinyYAML(t *testing.T) {
	for src, want := range map[string]string{
		"a: 1\nb:\n  - x\n  - y: 2\n    z: 3\n": `{"a":"1","b":["x",{"y":"2","z":"3"}]}`,
		"--- \nk: \"q\\\"\\n\"\n...\nrest":      `{"k":"q\"\n"}`,
		"a: |\n  b: c\n  d\ne: []\n":            `{"a":"b: c\nd","e":[]}`,
		"a:\n- b\n- c\nd: long\n  text\n":       `{"a":["b","c"],"d":"long text"}`,
		"a:\nb: x\n":                            `{"a":"","b":"x"}`,
		"# only a comment\n":                    `null`,
	} {
		v, err := parseTinyYAML([]byte(src))
		got, _ := json.Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("%q: %s, %v, want %s", src, got, err, want)
		}
	}
}

func FuzzMeta(f *testing.F) {
	f.Add([]byte(metaYAML))
	f.Add([]byte(metaJSONText))
	f.Add([]byte("a:\n- - -\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (meta, error){parseMetaJSON, parseMetaYAML} {
			m, err := parse(data)
			if err == nil && !m.Known {
				t.Errorf("%+v", m)
			}
			for _, p := range m.Provides {
				if !isModuleName(p.Name) || p.Version == "" {
					t.Errorf("provides %+v", p)
				}
			}
		}
	})
}
