package cpantest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
)

// pool is a web server with files by path, that counts what it is asked.
type pool struct {
	*httptest.Server
	files map[string][]byte
	asked atomic.Int32
}

func newPool(t *testing.T, files map[string][]byte) *pool {
	p := &pool{files: files}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		data, ok := p.files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if _, err := w.Write(data); err != nil {
			t.Logf("write %s: %v", r.URL.Path, err)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pool) maker() *Maker { return &Maker{Client: p.Client(), Debian: []string{p.URL + "/"}} }

// debOf packs files as a Debian package, as far as it is read here.
func debOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: "./" + name, Size: int64(len(text)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var deb bytes.Buffer
	deb.WriteString("!<arch>\n")
	for _, m := range []struct{ name, data string }{{"debian-binary", "2.0\n"}, {"odd", "odd"}, {"data.tar", data.String()}} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.data), m.data)
		if len(m.data)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	return deb.Bytes()
}

// sample is a pool with one archive of CPAN and one binary package, and its table.
func sample(t *testing.T) (*pool, []row, map[string]recipe) {
	t.Helper()
	orig, err := greeter().Archive()
	if err != nil {
		t.Fatal(err)
	}
	deb := debOf(t, map[string]string{
		"usr/share/perl5/Pure.pm": "package Pure;\nour $VERSION = '0.5';\n1;\n",
		"usr/share/doc/pure/x":    "left out",
		"usr/bin/pure":            "#!/usr/bin/perl\n",
	})
	rec := recipe{Abstract: "it's pure", Requires: map[string]string{"Greeter::Loud": "1"}}
	d, err := roll("Pure-0.5", rec, deb)
	if err != nil {
		t.Fatal(err)
	}
	rolled, err := d.Archive()
	if err != nil {
		t.Fatal(err)
	}
	rows := []row{
		{CPAN, "S/SH/SHOUT/Greeter-Loud-1.02.tar.gz", digest.Sum(orig), "pool/greeter.orig.tar.gz", digest.Sum(orig)},
		{Private, d.Path(), digest.Sum(rolled), "pool/pure_all.deb", digest.Sum(deb)},
	}
	return newPool(t, map[string][]byte{rows[0].Pool: orig, rows[1].Pool: deb}), rows, map[string]recipe{"Pure-0.5": rec}
}

func TestMake(t *testing.T) {
	p, rows, recipes := sample(t)
	dir := t.TempDir()
	if n, err := p.maker().make(t.Context(), dir, rows, recipes); n != 2 || err != nil {
		t.Fatalf("%d archives, %v", n, err)
	}
	wants := map[string]string{
		CPAN:    "Greeter::Loud 1.02 S/SH/SHOUT/Greeter-Loud-1.02.tar.gz",
		Private: "Pure 0.5 E/EN/ENVBUILD/Pure-0.5.tar.gz",
	}
	wants[All] = wants[CPAN] + "\n" + wants[Private]
	for name, want := range wants {
		if got := readIndex(t, filepath.Join(dir, name)); got != want {
			t.Errorf("the index of %s has\n%s\nnot\n%s", name, got, want)
		}
	}

	// What is there isn't asked for again, and a copy of the directory is whole.
	asked := p.asked.Load()
	if n, err := p.maker().make(t.Context(), dir, rows, recipes); n != 0 || err != nil {
		t.Errorf("again: %d archives, %v", n, err)
	}
	if p.asked.Load() != asked {
		t.Error("the pool was asked for what is there")
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		data, err := os.ReadFile(filepath.Join(moved, All, archivesPath, r.Path))
		if err != nil || digest.Sum(data) != r.SHA256 {
			t.Errorf("%s in %s: %v", r.Path, All, err)
		}
	}
}

func TestMakeMendsWhatIsDamaged(t *testing.T) {
	p, rows, recipes := sample(t)
	dir := t.TempDir()
	file := filepath.Join(dir, CPAN, archivesPath, rows[0].Path)
	if err := put(file, []byte("half of it")); err != nil {
		t.Fatal(err)
	}
	if n, err := p.maker().make(t.Context(), dir, rows, recipes); n != 2 || err != nil {
		t.Fatalf("%d archives, %v", n, err)
	}
	if data, err := os.ReadFile(file); err != nil || digest.Sum(data) != rows[0].SHA256 {
		t.Errorf("the archive is damaged still: %v", err)
	}
}

func TestMakeAtOnce(t *testing.T) {
	p, rows, recipes := sample(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := p.maker().make(t.Context(), dir, rows, recipes); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestMakeAsksUpstreamLast(t *testing.T) {
	p, rows, recipes := sample(t)
	upstream := newPool(t, map[string][]byte{"authors/id/" + rows[0].Path: p.files[rows[0].Pool]})
	delete(p.files, rows[0].Pool)
	m := p.maker()
	m.Upstream = upstream.URL
	if _, err := m.make(t.Context(), t.TempDir(), rows, recipes); err != nil {
		t.Error(err)
	}
	if n := upstream.asked.Load(); n != 1 {
		t.Errorf("CPAN was asked %d times", n)
	}
}

func TestMakeErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(p *pool, rows []row)
		want  string
	}{
		{"missing", func(p *pool, rows []row) { delete(p.files, rows[0].Pool) }, "Greeter-Loud-1.02: nobody has pool/greeter.orig.tar.gz"},
		{"answer", func(p *pool, rows []row) { delete(p.files, rows[1].Pool) }, "pool/pure_all.deb: 404 Not Found"},
		{"wrong bytes", func(p *pool, rows []row) { p.files[rows[0].Pool] = []byte("login, please") }, "wrong bytes: the SHA-256 is"},
		{"no package", func(p *pool, rows []row) {
			p.files[rows[1].Pool] = []byte("hello")
			rows[1].PoolSHA256 = digest.Sum([]byte("hello"))
		}, "Pure-0.5: roll Pure-0.5: no Debian package"},
		{"another roll", func(_ *pool, rows []row) { rows[1].SHA256 = digest.SHA256{1} }, "the table says 01000"},
		{"down", func(p *pool, _ []row) { p.Close() }, "connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, rows, recipes := sample(t)
			tt.spoil(p, rows)
			_, err := p.maker().make(t.Context(), t.TempDir(), rows, recipes)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want %q", err, tt.want)
			}
			var d *DownloadError
			if errors.As(err, &d) && d.Hint() == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestMakeIsCancelled(t *testing.T) {
	p, rows, recipes := sample(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.maker().make(ctx, t.TempDir(), rows, recipes); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func FuzzArMember(f *testing.F) {
	f.Add([]byte("!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if name, _, err := arMember(b, "data.tar"); err == nil && !strings.HasPrefix(name, "data.tar") {
			t.Errorf("found %q", name)
		}
	})
}
