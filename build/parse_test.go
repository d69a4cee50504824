package build

import (
	"strings"
	"testing"
)

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]string{
		"ID=debian\nVERSION_ID=\"12\"\n":          "debian-12",
		"VERSION_ID='24.04'\r\nID=ubuntu\n":       "ubuntu-24.04",
		"PRETTY_NAME=\"Debian sid\"\nID=debian\n": "debian",
		"": "",
	} {
		if got := parseRelease(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add("ID=debian\nVERSION_ID=\"12\"\n")
	f.Add("=\n\"=\"")
	f.Fuzz(func(t *testing.T, text string) {
		if got := parseRelease(text); strings.ContainsAny(got, "\n") {
			t.Errorf("%q", got)
		}
	})
}

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
