package dpkg

import (
	"slices"
	"strings"
	"testing"
)

func TestParseRelations(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"a":                                  "a",
		"a | b (>= 1), c:any":                "a|b (>= 1), c:any",
		"a(=1:2.0-1~x) ,, | d\n ,\n e":       "a (= 1:2.0-1~x), d, e",
		"libc6:amd64 (<< 2.37)":              "libc6:amd64 (<< 2.37)",
		"a ( >= 1 ) [amd64 i386] <!nocheck>": "a (>= 1)",
		"a [amd64]":                          "a",
		"a (), b (>=), c (1), d (>= 1":       "a, b, c, d (>= 1)",
		"(>= 1), :any":                       "",
	} {
		var all []string
		for _, some := range ParseRelations(in) {
			var names []string
			for _, r := range some {
				names = append(names, r.String())
			}
			all = append(all, strings.Join(names, "|"))
		}
		if got := strings.Join(all, ", "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a | b (>= 1), c:any, d(= 2) ,": "a b c d", " \n e": "e",
	} {
		if got := strings.Join(Names(in), " "); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func FuzzParseRelations(f *testing.F) {
	for _, seed := range []string{"a | b (>= 1), c:any", "a(=1:2~x)[amd64]<!x>", ",|(,:", "a (>=", "a\n (<< 1)\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, some := range ParseRelations(text) {
			if len(some) == 0 {
				t.Error("no alternative")
			}
			for _, r := range some {
				if r.Name == "" || strings.ContainsAny(r.Name, " ,|:(\n") {
					t.Errorf("the name %q", r.Name)
				}
				again := ParseRelations(r.String())
				if len(again) != 1 || !slices.Equal(again[0], Alternatives{r}) {
					t.Errorf("%+v is %q, and that is %+v", r, r, again)
				}
			}
		}
	})
}
