package build

import (
	"path/filepath"
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

const sampleStatus = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n" +
	"Depends: tar (>= 1.28), a:any | b\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 2\n"

func TestParsePackages(t *testing.T) {
	versions := map[string]string{}
	arch, err := parsePackages(strings.NewReader(sampleStatus), versions)
	if err != nil || arch != "amd64" || len(versions) != 1 || versions["dpkg"] != "1.21" {
		t.Errorf("%q, %v, %v", arch, versions, err)
	}
}

// FuzzStatus reads dpkg's database in the two ways of this package.
func FuzzStatus(f *testing.F) {
	f.Add(sampleStatus)
	f.Add("Depends: ,|,(\n\n\nPackage:\nDepends: :any\n")
	f.Fuzz(func(t *testing.T, status string) {
		versions := map[string]string{}
		if arch, err := parsePackages(strings.NewReader(status), versions); err == nil && arch != "" && len(versions) == 0 {
			t.Errorf("the architecture %q of no package", arch)
		}
		p := &packageOwners{owners: map[string][]string{}, depends: map[string][]string{}}
		p.addDepends(status)
		for _, names := range p.depends {
			for _, n := range names {
				if strings.ContainsAny(n, " ,|:") {
					t.Errorf("the dependency %q", n)
				}
			}
		}
	})
}

func FuzzAddLibraries(f *testing.F) {
	f.Add("/.\n/usr/lib/libx.so.1\n/usr/share/doc/libx.so\n")
	f.Add("/lib\n.so\x00")
	f.Fuzz(func(t *testing.T, list string) {
		p := &packageOwners{owners: map[string][]string{}, depends: map[string][]string{}}
		p.addLibraries("x", []byte(list))
		for name := range p.owners {
			if name != filepath.Base(name) || !strings.Contains(name, ".so") {
				t.Errorf("the library %q", name)
			}
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
