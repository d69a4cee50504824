package cpantest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

func greeter() Dist {
	return Dist{
		Name: "Greeter-Loud", Version: "1.02",
		Files: map[string]string{
			"lib/Greeter/Loud.pm": "package Greeter::Loud;\nour $VERSION = '1.02';\nsub greet { \"HELLO \\U$_[0]\" }\n1;\n",
			"bin/greet":           "#!perl\nuse Greeter::Loud;\nprint Greeter::Loud::greet($ARGV[0]), \"\\n\";\n",
		},
		Requires: map[string]string{"perl": "5.010", "Carp": "0"},
	}
}

func TestArchive(t *testing.T) {
	data, err := greeter().Archive()
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
	}
	want := strings.Join([]string{
		"-rw-r--r-- Greeter-Loud-1.02/META.json",
		"-rw-r--r-- Greeter-Loud-1.02/Makefile.PL",
		"-rwxr-xr-x Greeter-Loud-1.02/bin/greet",
		"-rw-r--r-- Greeter-Loud-1.02/lib/Greeter/Loud.pm",
	}, "\n")
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("the archive has\n%s\nnot\n%s", s, want)
	}
}

// The lock of the sample holds digests of archives that are made here, so their
// bytes may not change with the version of Go or by accident.
func TestArchiveBytesStay(t *testing.T) {
	data, err := greeter().Archive()
	if err != nil {
		t.Fatal(err)
	}
	const want = "fffae70ddfa3ee60050f5604959610b91d4e50c31aaa98790e4e6caf6955905c"
	if got := digest.Sum(data).String(); got != want {
		t.Errorf("the archive's SHA-256 is %s, it was %s", got, want)
	}
}

func TestArchiveRefusesPathsOutside(t *testing.T) {
	for _, name := range []string{"../x", "/x", "a/../../x", "a//b", ""} {
		d := Dist{Name: "X", Version: "1", Files: map[string]string{name: ""}}
		if _, err := d.Archive(); err == nil {
			t.Errorf("a file at %q was accepted", name)
		}
	}
}

func TestOmit(t *testing.T) {
	d := greeter()
	d.Omit = []string{"META.json", "Makefile.PL"}
	files, err := d.allFiles()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(d.Files) {
		t.Errorf("%d files, not the %d that were given", len(files), len(d.Files))
	}
}

func TestGzipStored(t *testing.T) {
	for _, n := range []int{0, 1, 65534, 65535, 65536, 200_000} {
		data := bytes.Repeat([]byte("envbuild"), n/8+1)[:n]
		z, err := gzip.NewReader(bytes.NewReader(gzipStored(data)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes come back as %d: %v", n, len(got), err)
		}
	}
}

// What is written by hand must go through the real tools.
func TestDistInstalls(t *testing.T) {
	skiptest.Without(t, "perl", "make", "tar")
	dir := t.TempDir()
	if err := WriteMirror(dir, greeter()); err != nil {
		t.Fatal(err)
	}
	script := `
		tar xzf "$1/authors/id/E/EN/ENVBUILD/Greeter-Loud-1.02.tar.gz"
		cd Greeter-Loud-1.02
		perl Makefile.PL INSTALL_BASE="$1/base" INSTALLMAN1DIR=none INSTALLMAN3DIR=none
		make install
		PERL5LIB="$1/base/lib/perl5" "$1/base/bin/greet" world >"$1/out"
		grep -q 'HELLO WORLD' "$1/out"
	`
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script, "sh", dir)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(dir), err, out)
	}
}
