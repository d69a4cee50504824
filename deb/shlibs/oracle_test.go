package shlibs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/system"
)

// TestOracle compares with dpkg-shlibdeps on files of this machine: programs in
// groups, and each perl module by itself.
func TestOracle(t *testing.T) {
	skiptest.Without(t, "dpkg-shlibdeps")
	for name, pattern := range map[string]string{
		"programs": "/usr/bin/[a-g]*",
		"perl":     "/usr/lib/*/perl*/*/auto/*/*/*.so",
		"base":     "/usr/lib/*/perl-base/auto/*/*.so",
		"gcc":      "/usr/lib/gcc/*/*/cc1*",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := elfFiles(t, pattern)
			if len(files) == 0 {
				skiptest.Because(t, "%s are not on this machine", pattern)
			}
			compare(t, files)
		})
	}
}

func elfFiles(t *testing.T, pattern string) []ELF {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	const most = 8 // the oracle takes 40 ms for each
	var out []ELF
	for _, p := range paths {
		if _, err := readABI(p); err != nil || len(out) == most {
			continue
		}
		out = append(out, ELF{Path: p, Source: p})
	}
	return out
}

// compare asks both for all files at once.
func compare(t *testing.T, files []ELF) {
	t.Helper()
	deps, err := Depends(system.Open("/"), files, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range deps {
		if !d.Undocumented {
			got = append(got, d.Relation)
		}
	}
	want := oracle(t, files)
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

func oracle(t *testing.T, files []ELF) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "debian"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "debian/control"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dpkg-shlibdeps", "-O", "--warnings=0", "--ignore-missing-info")
	for _, f := range files {
		cmd.Args = append(cmd.Args, "-e"+f.Source)
	}
	var complaints bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &complaints
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("dpkg-shlibdeps: %v\n%s", err, complaints.Bytes())
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "shlibs:Depends=")
}
