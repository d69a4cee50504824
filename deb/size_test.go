package deb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/deb/internal/ar"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
)

// TestHugeFile asks GNU tar about the header of a file whose size needs more than
// the eleven octal digits of a tar.
func TestHugeFile(t *testing.T) {
	const size = 9 << 30
	p, err := prepare(Request{
		Meta: sampleMeta(), SourceDate: sourceDate, XZ: xzPath, Entries: []tree.Entry{{Path: "/opt/huge", Source: sparse(t, size)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	segments := p.items.segments()
	if n := size / often.max; int64(len(segments)) < n {
		t.Errorf("%d segments for %d bytes", len(segments), int64(size))
	}
	i := slices.IndexFunc(segments, func(s segment) bool { return s.pieces[0].Path == "/opt/huge" })
	first := segments[i].pieces[0]
	var b bytes.Buffer
	if err := (piece{&item{Entry: first.Entry}, 0, 0}).writeHeader(&b, sourceDate); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", "--list", "--verbose")
	cmd.Stdin = &b
	if out, _ := cmd.Output(); !strings.Contains(string(out), fmt.Sprint(" ", int64(size), " ")) {
		t.Errorf("tar lists %q", out)
	}
}

func TestSpoolOverflows(t *testing.T) {
	s := &spool{member: "data.tar.xz", size: ar.MaxSize}
	f, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	s.f = f
	var size *SizeError
	if _, err := s.Write([]byte("x")); !errors.As(err, &size) || size.Hint() == "" {
		t.Error(err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// TestSizesByDpkg lets dpkg itself, not the tar that dpkg-deb runs, read a size
// in base 256, as a file of more than 8 GiB has it. That of a small file is
// written so, since dpkg would write out the zeros of a large one.
func TestSizesByDpkg(t *testing.T) {
	skiptest.Without(t, "dpkg")
	content := "some content\n"
	deb := build(t, Request{
		Meta: sampleMeta(), SourceDate: sourceDate, Compression: "none",
		Entries: []tree.Entry{{Path: "/opt/file", Content: []byte(content)}},
	})
	at := bytes.Index(deb, []byte("./opt/file\x00"))
	header := deb[at : at+tarBlock]
	size := header[124:136]
	copy(size, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	size[11] = byte(len(content))
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	dir := t.TempDir()
	file := filepath.Join(dir, "x.deb")
	root := filepath.Join(dir, "root")
	admin := filepath.Join(root, "var/lib/dpkg")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(admin, "updates"), 0o755), os.Mkdir(filepath.Join(admin, "info"), 0o755),
		os.WriteFile(filepath.Join(admin, "status"), nil, 0o644), os.WriteFile(file, deb, 0o644),
	); err != nil {
		t.Fatal(err)
	}
	tool(t, "dpkg", "--root="+root, "--force-not-root", "--force-all", "--log="+os.DevNull, "--unpack", file)
	if got, err := os.ReadFile(filepath.Join(root, "opt/file")); err != nil || string(got) != content {
		t.Errorf("dpkg unpacked %q, %v", got, err)
	}
}

func TestCheckSize(t *testing.T) {
	entries := []tree.Entry{{Path: "/opt/a", Source: sparse(t, 10<<30)}}
	if err := (*Settings)(nil).CheckSize(entries); err != nil {
		t.Errorf("compressed: %v", err)
	}
	s, err := settings(t, t.TempDir(), "  deb: {compression: none}\n")
	if err != nil {
		t.Fatal(err)
	}
	var size *SizeError
	if err := s.CheckSize(entries); !errors.As(err, &size) {
		t.Error(err)
	}
	var entry *EntryError
	if err := s.CheckSize(append(entries, tree.Entry{Path: "/opt/a"})); !errors.As(err, &entry) {
		t.Error(err)
	}
}
