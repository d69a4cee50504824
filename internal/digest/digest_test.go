package digest

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	sum := Sum([]byte("envbuild"))
	for _, s := range []string{sum.String(), "sha256:" + sum.String(), strings.ToUpper(sum.String())} {
		if got, err := Parse(s); err != nil || got != sum {
			t.Errorf("Parse(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "sha256:", sum.String()[1:], "g" + sum.String()[1:], sum.String() + "0"} {
		if _, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) succeeded", s)
		}
	}
}

func TestHasherKeepsFieldsApart(t *testing.T) {
	sums := map[SHA256][]string{}
	for _, fields := range [][]string{
		{"a", "bc"}, {"ab", "c"}, {"a", "b", "c"}, {"abc"}, {"a", "", "bc"}, {},
	} {
		h := NewHasher("test")
		h.Field("x", fields...)
		if other, ok := sums[h.SHA256()]; ok {
			t.Errorf("%q and %q have one hash", other, fields)
		}
		sums[h.SHA256()] = fields
	}
	a, b := NewHasher("a"), NewHasher("b")
	if a.Key() == b.Key() {
		t.Error("two domains have one hash")
	}
}
