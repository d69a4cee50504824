package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
)

// sample is a package that dpkg-deb makes.
func sample(t testing.TB, compression string) []byte {
	t.Helper()
	skiptest.Without(t, "dpkg-deb")
	dir := t.TempDir()
	for name, content := range map[string]string{
		"DEBIAN/control":  "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: one\n two\n .\n three\n",
		"DEBIAN/postinst": "#!/bin/sh\n", "usr/share/sample/file": "content\n",
	} {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	share := filepath.Join(dir, "usr/share/sample")
	if err := errors.Join(os.Symlink("../x", share+"/link"), os.Link(share+"/file", share+"/hard")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "x.deb")
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Z"+compression, "--build", dir, out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRead(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "xz", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			var got strings.Builder
			p, err := Read(bytes.NewReader(sample(t, compression)), func(f File, r io.Reader) error {
				b, err := io.ReadAll(r)
				fmt.Fprintf(&got, "%v %s %s/%s %q %v %q\n", f.Mode, f.Path, f.Owner, f.Group, f.Target, f.Hardlink, b)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{
				"/usr/share/sample/link root/root \"../x\" false \"\"\n",
				"-rwxr-xr-x /usr/share/sample/file root/root \"",
				"drwxr-xr-x / root/root",
				" true \"\"\n", " false \"content\\n\"\n",
			} {
				if !strings.Contains(got.String(), want) {
					t.Errorf("no %s in\n%s", want, &got)
				}
			}
			if p.Field("package") != "sample" || p.Field("Description") != "one\n two\n .\n three" || p.Field("none") != "" {
				t.Errorf("fields %q", p.Fields)
			}
			if string(p.Members["postinst"]) != "#!/bin/sh\n" || len(p.Files) != 7 {
				t.Errorf("members %q, files %d", p.Members, len(p.Files))
			}
		})
	}
}

func TestReadDamaged(t *testing.T) {
	whole := sample(t, "gzip")
	for _, n := range []int{0, 4, 8, 40, 68, 72, 130, 200, len(whole) / 2, len(whole) - 20} {
		if _, err := Read(bytes.NewReader(whole[:n]), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for old, damaged := range map[string]string{
		"!<arch>": "!<thin>", "2.0\n": "3.0\n", "control.tar.gz": "control.tar.br", "data.tar": "date.tar", "`\n": "'\n",
	} {
		b := bytes.Replace(whole, []byte(old), []byte(damaged), 1)
		if _, err := Read(bytes.NewReader(b), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", damaged, err)
		}
	}
	stop := errors.New("stop")
	if _, err := Read(bytes.NewReader(whole), func(File, io.Reader) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit: %v", err)
	}
}

// TestReadOld reads what dpkg-deb wrote years ago.
func TestReadOld(t *testing.T) {
	skiptest.Without(t, "ar", "bzip2", "xz")
	for ending, pack := range map[string][]string{"bz2": {"bzip2"}, "lzma": {"xz", "--format=lzma"}} {
		dir := t.TempDir()
		whole := filepath.Join(dir, "x.deb")
		if err := os.WriteFile(whole, sample(t, "none"), 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(name string, args ...string) {
			t.Helper()
			cmd := exec.Command(name, args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
		}
		run("ar", "x", whole)
		run(pack[0], append(pack[1:], "data.tar")...)
		run("ar", "rc", "old.deb", "debian-binary", "control.tar", "data.tar."+ending)
		b, err := os.ReadFile(filepath.Join(dir, "old.deb"))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := Read(bytes.NewReader(b), nil); err != nil || len(p.Files) != 7 {
			t.Errorf("%s: %v", ending, err)
		}
	}
}

// TestReadChecksum finds damage behind the end of the tar archive: where gzip, xz
// and zstd have the checksum of what is before.
func TestReadChecksum(t *testing.T) {
	for compression, fromEnd := range map[string]int{"gzip": 8, "xz": 40, "zstd": 4} {
		b := sample(t, compression)
		end := len(b)
		for end > 0 && b[end-1] == '\n' { // the padding of ar
			end--
		}
		b[end-fromEnd] ^= 1
		if _, err := Read(bytes.NewReader(b), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", compression, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample(f, "none"))
	f.Add(sample(f, "gzip"))
	f.Add(sample(f, "xz"))
	f.Add(sample(f, "zstd"))
	f.Add([]byte("!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := Read(bytes.NewReader(b), func(_ File, r io.Reader) error {
			_, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			return err
		})
		if err == nil && len(b) < 3*60 {
			t.Error("a package without room for its members")
		}
	})
}

func FuzzParseControl(f *testing.F) {
	f.Add("Package: a\nDescription: b\n c\n")
	f.Add(" : \n#\n\tx")
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := ParseControl(text)
		for _, field := range fields {
			if err == nil && field.Name == "" {
				t.Errorf("a field without a name in %q", text)
			}
		}
	})
}
