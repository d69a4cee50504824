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
	"time"

	"github.com/envbuild/envbuild/deb/internal/ar"
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
			p, err := Reader{}.Read(bytes.NewReader(sample(t, compression)), func(f File, r io.Reader) error {
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

// repack is the sample with members as other programs make them: compressed as
// the endings say, with slashes behind their names, and strange ones between.
func repack(t testing.TB, control, data, slash string) []byte {
	t.Helper()
	in, err := ar.NewReader(bytes.NewReader(sample(t, "none")))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := ar.NewWriter(&out, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, b []byte) {
		if err := w.Copy(ar.Header{Name: name, Size: int64(len(b))}, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		b, rerr := io.ReadAll(in)
		if err := errors.Join(err, rerr); err != nil {
			t.Fatal(err)
		}
		ending := map[string]string{"control.tar": control, "data.tar": data}[h.Name]
		add("_odd"+slash, []byte("x"))
		add(h.Name+ending+slash, compress(t, ending, b))
	}
	add("_gpgorigin", []byte("xyz"))
	return out.Bytes()
}

func compress(t testing.TB, ending string, b []byte) []byte {
	t.Helper()
	argv := map[string][]string{
		".gz": {"gzip", "-c"}, ".xz": {"xz", "-c"}, ".zst": {"zstd", "-c"}, ".bz2": {"bzip2", "-c"}, ".lzma": {"xz", "-c", "--format=lzma"},
	}[ending]
	if argv == nil {
		return b
	}
	skiptest.Without(t, argv[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadAllKinds(t *testing.T) {
	for _, c := range []struct{ control, data, slash string }{
		{"", "", "/"}, {".gz", ".bz2", ""}, {".xz", ".lzma", "/"}, {".zst", ".xz", ""}, {".zst", ".zst", "/"}, {"", ".gz", ""},
	} {
		t.Run(c.control+c.data, func(t *testing.T) {
			deb := repack(t, c.control, c.data, c.slash)
			for _, r := range []Reader{{XZ: "/usr/bin/xz"}, {}} {
				p, err := r.Read(bytes.NewReader(deb), nil)
				if err != nil || p.Field("Version") != "1" || string(p.Members["postinst"]) != "#!/bin/sh\n" || len(p.Files) != 7 {
					t.Fatalf("%+v, %v", p, err)
				}
				for n := len(deb) / 2; n < len(deb)-200; n += 97 {
					if _, err := r.Read(bytes.NewReader(deb[:n]), nil); !errors.Is(err, ErrFormat) {
						t.Errorf("%d of %d bytes: %v", n, len(deb), err)
					}
				}
			}
		})
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
		if _, err := (Reader{}).Read(bytes.NewReader(b), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", compression, err)
		}
	}
}

// TestStopInXZ stops while the program is writing.
func TestStopInXZ(t *testing.T) {
	skiptest.Without(t, "xz")
	stop := errors.New("stop")
	for range 3 {
		if _, err := (Reader{XZ: "/usr/bin/xz"}).Read(bytes.NewReader(repack(t, "", ".xz", "")), func(File, io.Reader) error { return stop }); !errors.Is(err, stop) {
			t.Error(err)
		}
	}
}

func TestReadDamaged(t *testing.T) {
	whole := sample(t, "gzip")
	for _, n := range []int{0, 4, 8, 40, 68, 72, 130, 200, len(whole) / 2, len(whole) - 20} {
		if _, err := (Reader{}).Read(bytes.NewReader(whole[:n]), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for old, damaged := range map[string]string{
		"!<arch>": "!<thin>", "2.0\n": "3.0\n", "control.tar.gz": "control.tar.br", "data.tar": "date.tar", "`\n": "'\n",
	} {
		b := bytes.Replace(whole, []byte(old), []byte(damaged), 1)
		if _, err := (Reader{}).Read(bytes.NewReader(b), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", damaged, err)
		}
	}
	stop := errors.New("stop")
	if _, err := (Reader{}).Read(bytes.NewReader(whole), func(File, io.Reader) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample(f, "none"))
	f.Add(sample(f, "gzip"))
	f.Add(sample(f, "xz"))
	f.Add(sample(f, "zstd"))
	f.Add(repack(f, ".zst", ".bz2", "/"))
	f.Add(repack(f, ".xz", ".lzma", ""))
	f.Add([]byte("!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := Reader{}.Read(bytes.NewReader(b), func(_ File, r io.Reader) error {
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
