package publish_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/envbuild/envbuild/deb/publish"
	"github.com/envbuild/envbuild/deb/publish/publishtest"
	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
)

func TestRead(t *testing.T) {
	p := publishtest.Make(t, "hello", "1:1.0-1", "amd64", "one")
	if p.Name != "hello" || p.Version != "1:1.0-1" || p.Arch != "amd64" || p.File() != "hello_1.0-1_amd64.deb" {
		t.Errorf("read %+v", p)
	}
	b, err := os.ReadFile(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	if p.Size != int64(len(b)) || p.SHA256 != digest.Sum(b) {
		t.Errorf("read %+v of %d bytes", p, len(b))
	}
	bad := filepath.Join(t.TempDir(), "bad.deb")
	for name, content := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "half": b[:len(b)/2]} {
		if err := os.WriteFile(bad, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if p, err := publish.Read(bad, ""); !errors.Is(err, reader.ErrFormat) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := publish.Read(filepath.Join(t.TempDir(), "none.deb"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
