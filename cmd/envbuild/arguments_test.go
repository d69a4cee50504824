package main

import (
	"strings"
	"testing"
)

func TestFlagsFirst(t *testing.T) {
	p := &program{}
	for in, want := range map[string]string{
		"":                                   "",
		"why X --json":                       "why --json X",
		"-C proj why X --json -q":            "-C proj why --json -q X",
		"-C why why X":                       "-C why why X",
		"diff a b --json":                    "diff --json a b",
		"diff a -- --json b":                 "diff -- a --json b",
		"vendor d --offline -j 3 -C=x":       "vendor --offline -j 3 -C=x d",
		"repo --json add DIR a.deb -C dir b": "repo --json add -C dir DIR a.deb b",
		"repo ls DIR --generations":          "repo ls --generations DIR",
		"repo copy --from a DIR --to b x=1":  "repo copy --from a --to b DIR x=1",
		"deb -o --json":                      "deb -o --json",
		"deb -o":                             "deb -o",
		"log X --unknown":                    "log --unknown X",
		"exec -q perl -v":                    "exec -q perl -v",
		"exec -- perl --json":                "exec -- perl --json",
		"sbom -":                             "sbom -",
		"sbom -- -x.deb":                     "sbom -- -x.deb",
		"biuld x --json":                     "biuld x --json",
	} {
		got := flagsFirst(p.app(), append([]string{"envbuild"}, strings.Fields(in)...))
		if text := strings.Join(got[1:], " "); text != want {
			t.Errorf("%q became %q, want %q", in, text, want)
		}
	}
}
