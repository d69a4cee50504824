package build

import (
	"strings"
	"testing"
)

func FuzzLog(f *testing.F) {
	f.Add([]byte("envbuild: phase build\ncc\r\n\xff"))
	f.Fuzz(func(t *testing.T, log []byte) {
		if tail := logTail(log); len(tail) > tailLines {
			t.Errorf("%d lines", len(tail))
		}
		if phase := logPhase(log); strings.Contains(phase, "\n") {
			t.Errorf("the phase %q", phase)
		}
	})
}
