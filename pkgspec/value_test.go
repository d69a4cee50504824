package pkgspec

import (
	"reflect"
	"testing"
)

func TestParseValue(t *testing.T) {
	for _, c := range []struct {
		text string
		want Value // nil with bad: an error
		bad  bool
	}{
		{"", nil, false},
		{"plain", Value{lit("plain")}, false},
		{"$$", Value{lit("$")}, false},
		{"a$$$$b", Value{lit("a$$b")}, false},
		{"$${A}", Value{lit("${A}")}, false},
		{"${A}${_b1}", Value{ref("A"), ref("_b1")}, false},
		{"x${A}y", Value{lit("x"), ref("A"), lit("y")}, false},
		{"a\nb", Value{lit("a\nb")}, false},
		{"$", nil, true},
		{"$A", nil, true},
		{"${", nil, true},
		{"${}", nil, true},
		{"${1}", nil, true},
		{"${A:-b}", nil, true},
		{"${A", nil, true},
		{"$$$", nil, true},
		{"$(id)", nil, true},
	} {
		got, p := parseValue(c.text)
		if (p.message != "") != c.bad || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q is %v, %q", c.text, got, p.message)
		}
		if !c.bad && got.String() != c.text {
			t.Errorf("%q is written %q", c.text, got.String())
		}
	}
}

func TestValueExpand(t *testing.T) {
	v, _ := parseValue("${A}/$$x/${B}${A}")
	got := v.Expand(func(name string) string { return "<" + name + ">" })
	if got != "<A>/$x/<B><A>" {
		t.Errorf("got %q", got)
	}
	if refs := v.Refs(); !reflect.DeepEqual(refs, []string{"A", "B", "A"}) || v.IsLiteral() {
		t.Errorf("refs %q", refs)
	}
}
