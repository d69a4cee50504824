package system

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/hint"
)

// newMachine makes a system of files; those below a bin directory are programs.
func newMachine(t *testing.T, files map[string]string) *Machine {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(filepath.Dir(name), "bin") {
			mode = 0o755
		}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			if err := os.Symlink(target, p); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return Open(root)
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]Release{
		"ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n":       {"debian", "12", "bookworm"},
		"VERSION_ID='24.04'\r\nID=ubuntu\nVERSION_CODENAME=\"noble\"\r\n": {"ubuntu", "24.04", "noble"},
		"PRETTY_NAME=\"Debian sid\"\nID=debian\n":                         {"debian", "", ""},
		"": {},
	} {
		if got := parseRelease(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
	for r, want := range map[Release]string{{"debian", "12", "x"}: "debian-12", {"debian", "", ""}: "debian", {}: ""} {
		if r.String() != want {
			t.Errorf("%+v is %s", r, r)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=\"bookworm\"\n")
	f.Add("=\n\"=\"")
	f.Fuzz(func(t *testing.T, text string) {
		r := parseRelease(text)
		for _, value := range []string{r.ID, r.VersionID, r.Codename} {
			if strings.Contains(value, "\n") || !strings.Contains(text, value) {
				t.Errorf("%q", value)
			}
		}
	})
}

func TestRelease(t *testing.T) {
	m := newMachine(t, map[string]string{"etc/os-release": "-> ../usr/lib/os-release", "usr/lib/os-release": "ID=debian\nVERSION_ID=13\n"})
	if r, err := m.Release(); err != nil || r.String() != "debian-13" {
		t.Errorf("%s, %v", r, err)
	}
	if _, err := Open(t.TempDir()).Release(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestPackages(t *testing.T) {
	m := newMachine(t, map[string]string{"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 1\n"})
	first, err := m.Packages()
	if err != nil || len(first.Packages()) != 1 {
		t.Fatalf("%v", err)
	}
	if again, _ := m.Packages(); again != first {
		t.Error("the database was read twice")
	}
	if _, err := Open(t.TempDir()).Packages(); err == nil {
		t.Error("there are packages in an empty directory")
	}
}

// facts is a cache that counts what is put into it.
type facts struct {
	kept map[string]string
	puts int
}

func (f *facts) Fact(kind string, of digest.SHA256) ([]byte, bool) {
	data, ok := f.kept[kind+of.String()]
	return []byte(data), ok
}

func (f *facts) PutFact(kind string, of digest.SHA256, data []byte) error {
	f.puts++
	f.kept[kind+of.String()] = string(data)
	return nil
}

// someTools is a system with a compiler that is a script.
func someTools() map[string]string {
	return map[string]string{
		"bin": "-> usr/bin", "usr/bin/sh": "-> dash", "usr/bin/dash": "dash", "usr/bin/make": "make", "usr/bin/tar": "tar",
		"usr/bin/cc": "-> /etc/alternatives/cc", "etc/alternatives/cc": "-> /usr/bin/gcc-12", "usr/bin/awk": "-> loop", "usr/bin/loop": "-> loop",
		"usr/bin/gcc-12":  "#!/bin/sh\ncase $1 in *=cc1) echo /usr/lib/gcc/cc1;; *=cc1plus) echo cc1plus;; *) echo /usr/lib/gcc/none;; esac\n",
		"usr/lib/gcc/cc1": "cc1", "usr/bin/vim": "vim",
	}
}

func TestTool(t *testing.T) {
	m := newMachine(t, someTools())
	for name, want := range map[string]string{"sh": "/usr/bin/dash", "cc": "/usr/bin/gcc-12", "xz": "", "loop": ""} {
		got, err := m.Tool(name)
		if got != want || (want == "") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTools(t *testing.T) {
	m := newMachine(t, someTools())
	f := &facts{kept: map[string]string{}}
	for range 2 {
		list, err := m.Tools(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tool := range list {
			got = append(got, tool.Path)
			data, err := os.ReadFile(filepath.Join(m.Dir(), tool.Path))
			if err != nil || tool.SHA256 != digest.Sum(data) {
				t.Errorf("%s: %s, %v", tool.Path, tool.SHA256, err)
			}
		}
		if want := []string{"/usr/bin/dash", "/usr/bin/gcc-12", "/usr/bin/make", "/usr/bin/tar", "/usr/lib/gcc/cc1"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if f.puts != 6 { // five digests and the compiler's answer
		t.Errorf("%d facts were found out", f.puts)
	}
}

func TestIdentity(t *testing.T) {
	m := newMachine(t, someTools())
	before := m.Identity()
	if m.Identity() != before {
		t.Error("it changes by itself")
	}
	for _, name := range []string{"usr/bin/gcc-12", "usr/bin/bzip2", "var/lib/dpkg/status"} {
		p := filepath.Join(m.Dir(), name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
		if now := m.Identity(); now == before {
			t.Errorf("%s changed and it didn't", name)
		} else {
			before = now
		}
	}
}

func TestMissingTools(t *testing.T) {
	files := someTools()
	delete(files, "usr/bin/make")
	delete(files, "etc/alternatives/cc")
	_, err := newMachine(t, files).Tools(t.Context(), &facts{kept: map[string]string{}})
	var missing *MissingToolsError
	if !errors.As(err, &missing) || !slices.Equal(missing.Tools, []string{"cc", "make"}) || hint.Of(err) == "" {
		t.Errorf("%v", err)
	}
}
