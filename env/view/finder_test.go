package view_test

import (
	"strings"
	"testing"

	"github.com/envbuild/envbuild/env/view"
)

func TestFinder(t *testing.T) {
	f := view.NewFinder("/opt/first/prefix", "/opt/other")
	for text, want := range map[string]bool{
		"": false, "/opt/firs": false, "x/opt/first/prefix/bin": true, "\x00/opt/other": true, "/opt/first/prefi": false,
		strings.Repeat("abc/opt/", 100_000) + "other": true, strings.Repeat("/opt/oth", 100_000): false,
	} {
		if got, err := f.In(strings.NewReader(text)); err != nil || got != want {
			t.Errorf("%.30q: %v, %v", text, got, err)
		}
	}
}
