package deb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
)

var sourceDate = time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)

func sampleMeta() Meta {
	return Meta{
		Name: "web-sample", Version: "1.4.0-1~bookworm1", Arch: "amd64", Maintainer: "Ops Team <ops@example.org>",
		Description: "sample application\nIt answers.\n\nAnd more.", Section: "web", Homepage: "https://example.org/",
		Depends:    []string{"libc6 (>= 2.34)", "nginx | apache2", "libc6 (>= 2.34)"},
		Components: []Component{{Name: "Plack", Version: "1.0050", License: "Artistic-1.0-Perl OR GPL-1.0-or-later", Files: []string{"/opt/web-sample/bin/run"}, Source: "M/MI/MIYAGAWA/Plack-1.0050.tar.gz"}},
	}
}

// oddNames are names that patterns, tar's 100 characters and shells stumble on.
var oddNames = []string{
	"a[b]{c}*?.txt", `back\slash`, "space and 'quotes\"", "#hash;semi$dollar", "ümläut", "latin\xe41", "-dash",
	strings.Repeat("long", 50), strings.Repeat("deep/", 40) + "end", "Foo::Bar.3pm",
}

// sampleEntries write their sources to dir.
func sampleEntries(t *testing.T, dir string) []tree.Entry {
	t.Helper()
	const prefix = "/opt/web-sample"
	entries := []tree.Entry{
		{Path: prefix, Kind: tree.Dir},
		{Path: prefix + "/var", Kind: tree.Dir, Mode: 0o770 | fs.ModeSetgid, Owner: "root", Group: "www-data"},
		{Path: prefix + "/bin/run", Mode: 0o755, Content: []byte("#!/bin/sh\nexit 0\n")},
		{Path: prefix + "/bin/again", Kind: tree.Hardlink, Target: prefix + "/bin/run"},
		{Path: prefix + "/bin/sudo", Mode: 0o755 | fs.ModeSetuid, Content: []byte("x")},
		{Path: prefix + "/current", Kind: tree.Symlink, Target: "bin"},
		{Path: prefix + "/dangling", Kind: tree.Symlink, Target: "/nowhere/to be found"},
		{Path: prefix + "/etc", Kind: tree.Symlink, Target: "/etc"}, // a directory on this machine
		{Path: prefix + "/empty"},
		{Path: "/etc/web-sample/env", Config: true, Content: []byte("A=1\n")},
	}
	for i, name := range oddNames {
		source := filepath.Join(dir, "odd", name)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(source, bytes.Repeat([]byte(name), 1+i*100), 0o600); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, tree.Entry{Path: prefix + "/odd/" + name, Source: source})
	}
	return entries
}

func sample(t *testing.T) Request {
	t.Helper()
	return Request{Meta: sampleMeta(), Entries: sampleEntries(t, t.TempDir()), SourceDate: sourceDate, XZ: xzPath}
}

// xzPath is where Debian has xz.
const xzPath = "/usr/bin/xz"

func build(t *testing.T, req Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(context.Background(), req, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// save writes a package under its name.
func save(t *testing.T, req Request) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), FileName(req.Meta))
	if err := os.WriteFile(p, build(t, req), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// tool runs an oracle in a fixed locale and time zone.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	skiptest.Without(t, name)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

func TestControlByDpkg(t *testing.T) {
	p := save(t, sample(t))
	got := tool(t, "dpkg-deb", "--field", p)
	want := `Package: web-sample
Version: 1.4.0-1~bookworm1
Architecture: amd64
Maintainer: Ops Team <ops@example.org>
Installed-Size: SIZE
Depends: libc6 (>= 2.34), nginx | apache2
Section: web
Priority: optional
Homepage: https://example.org/
Description: sample application
 It answers.
 .
 And more.
`
	size := tool(t, "dpkg-deb", "--field", p, "Installed-Size")
	if want = strings.Replace(want, "SIZE", strings.TrimSpace(size), 1); got != want {
		t.Errorf("control\n%s", got)
	}
	root := t.TempDir()
	tool(t, "dpkg-deb", "--extract", p, root)
	if got := tool(t, "sh", "-c", `find "$1" -mindepth 1 \( -type f -printf "%s %i\n" -o -printf "1024 %p\n" \) | sort -u -k2 |
		awk '{s += int(($1 + 1023) / 1024)} END {print s + 1}'`, "sh", root); got != size {
		t.Errorf("Installed-Size %s of what dpkg-gencontrol would call %s", size, got)
	}
	if got := tool(t, "dpkg-deb", "--info", p, "conffiles"); got != "/etc/web-sample/env\n" {
		t.Errorf("conffiles %q", got)
	}
	tool(t, "dpkg-deb", "--control", p, filepath.Join(root, "DEBIAN"))
	tool(t, "sh", "-c", `cd "$1" && md5sum --quiet -c DEBIAN/md5sums`, "sh", root)
}

func TestFilesByDpkg(t *testing.T) {
	for _, compression := range []string{"", "zstd:3", "xz", "gzip", "gzip:1", "none"} {
		t.Run(compression, func(t *testing.T) {
			req := sample(t)
			req.Compression = compression
			list := tool(t, "dpkg-deb", "--contents", save(t, req))
			for _, want := range []string{
				"drwxr-xr-x root/root         0 2024-02-29 12:34 ./opt/web-sample/\n",
				"drwxrws--- root/www-data     0 2024-02-29 12:34 ./opt/web-sample/var/\n",
				"-rwxr-xr-x root/root        17 2024-02-29 12:34 ./opt/web-sample/bin/again\n",
				"hrwxr-xr-x root/root         0 2024-02-29 12:34 ./opt/web-sample/bin/run link to ./opt/web-sample/bin/again\n",
				"-rwsr-xr-x root/root         1 2024-02-29 12:34 ./opt/web-sample/bin/sudo\n",
				"lrwxrwxrwx root/root         0 2024-02-29 12:34 ./opt/web-sample/current -> bin\n",
				"lrwxrwxrwx root/root         0 2024-02-29 12:34 ./opt/web-sample/dangling -> /nowhere/to be found\n",
				"lrwxrwxrwx root/root         0 2024-02-29 12:34 ./opt/web-sample/etc -> /etc\n",
				"-rw-r--r-- root/root         0 2024-02-29 12:34 ./opt/web-sample/empty\n",
				"-rw-r--r-- root/root         4 2024-02-29 12:34 ./etc/web-sample/env\n",
			} {
				if !strings.Contains(list, want) {
					t.Errorf("no line %s", want)
				}
			}
			if t.Failed() {
				t.Log(list)
			}
		})
	}
}

func TestContent(t *testing.T) {
	req := sample(t)
	got := map[string]string{}
	pkg, err := reader.Reader{}.Read(bytes.NewReader(build(t, req)), func(f reader.File, r io.Reader) error {
		b, err := io.ReadAll(r)
		got[f.Path] = string(b)
		if !f.MTime.Equal(sourceDate) {
			t.Errorf("%s has the time %v", f.Path, f.MTime)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range oddNames {
		if got["/opt/web-sample/odd/"+name] != strings.Repeat(name, 1+i*100) {
			t.Errorf("%q: %.50q", name, got["/opt/web-sample/odd/"+name])
		}
	}
	if !strings.Contains(got["/usr/share/doc/web-sample/copyright"], "License: Artistic or GPL-1+\nComment: Plack 1.0050; M/MI/") {
		t.Errorf("copyright\n%s", got["/usr/share/doc/web-sample/copyright"])
	}
	if got["/opt/web-sample/bin/again"] != "#!/bin/sh\nexit 0\n" {
		t.Error("the first name of a file with two has not its content")
	}
	if pkg.Field("depends") != "libc6 (>= 2.34), nginx | apache2" {
		t.Errorf("%+v", pkg.Fields)
	}
}

// TestReproducible changes all that must not reach a package.
func TestReproducible(t *testing.T) {
	req := sample(t)
	req.Scripts.PostInst = "true\n"
	want := sha256.Sum256(build(t, req))
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("SOURCE_DATE_EPOCH", "nonsense")
	t.Chdir(t.TempDir())
	defer syscall.Umask(syscall.Umask(0o077))
	for _, cores := range []int{1, 8} {
		old := runtime.GOMAXPROCS(cores)
		other := sample(t) // in another directory
		other.Scripts = req.Scripts
		other.SourceDate = sourceDate.In(time.FixedZone("", 9*3600)).Add(time.Millisecond)
		rand.Shuffle(len(other.Entries), func(i, j int) {
			other.Entries[i], other.Entries[j] = other.Entries[j], other.Entries[i]
		})
		for _, e := range other.Entries {
			if e.Source == "" {
				continue
			}
			if err := errors.Join(os.Chmod(e.Source, 0o755), os.Chtimes(e.Source, time.Unix(1, 0), time.Unix(2, 0))); err != nil {
				t.Fatal(err)
			}
		}
		got := sha256.Sum256(build(t, other))
		runtime.GOMAXPROCS(old)
		if got != want {
			t.Errorf("with %d cores: another package", cores)
		}
	}
}

// TestCompressionIsDeterministic takes enough data for the compressors to work
// in parallel.
func TestCompressionIsDeterministic(t *testing.T) {
	data := make([]byte, 5<<20)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = "etaoin shrdlu\n"[source.IntN(14)]
	}
	req := Request{Meta: sampleMeta(), Entries: []tree.Entry{{Path: "/opt/web-sample/data", Content: data}}, SourceDate: sourceDate, XZ: xzPath}
	for _, compression := range []string{"", "gzip:1", "zstd", "zstd:1"} {
		req.Compression = compression
		var sums [][32]byte
		for _, cores := range []int{1, 7} {
			old := runtime.GOMAXPROCS(cores)
			sums = append(sums, sha256.Sum256(build(t, req)))
			runtime.GOMAXPROCS(old)
		}
		if len(slices.Compact(sums)) != 1 {
			t.Errorf("%q: the bytes depend on the cores", compression)
		}
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(p string) tree.Entry { return tree.Entry{Path: p, Content: []byte("x")} }
	for _, c := range []struct {
		name    string
		change  func(*Request)
		message string
	}{
		{"relative", func(r *Request) { r.Entries = []tree.Entry{file("opt/a")} }, "not an absolute"},
		{"unclean", func(r *Request) { r.Entries = []tree.Entry{file("/opt/../etc/a")} }, "not an absolute"},
		{"nul", func(r *Request) { r.Entries = []tree.Entry{file("/opt/a\x00b")} }, "NUL"},
		{"line break", func(r *Request) { r.Entries = []tree.Entry{file("/opt/a\nb")} }, "line break"},
		{"twice", func(r *Request) { r.Entries = []tree.Entry{file("/opt/a"), file("/opt/b"), file("/opt/a")} }, `"/opt/a" is there twice`},
		{"below a file", func(r *Request) { r.Entries = []tree.Entry{file("/opt/a"), file("/opt/a/b/c")} }, "not a directory"},
		{"below a link", func(r *Request) {
			r.Entries = []tree.Entry{{Path: "/opt/a", Kind: tree.Symlink, Target: "/x"}, file("/opt/a/b")}
		}, "not a directory"},
		{"no target", func(r *Request) { r.Entries = []tree.Entry{{Path: "/opt/a", Kind: tree.Symlink}} }, "without a target"},
		{"hardlink", func(r *Request) { r.Entries = []tree.Entry{{Path: "/opt/a", Kind: tree.Hardlink, Target: "/opt/b"}} }, "not a file of the package"},
		{"missing source", func(r *Request) { r.Entries = []tree.Entry{{Path: "/opt/a", Source: dir + "/none"}} }, "no such file"},
		{"directory as source", func(r *Request) { r.Entries = []tree.Entry{{Path: "/opt/a", Source: dir}} }, "not a regular file"},
		{"mode", func(r *Request) { r.Entries = []tree.Entry{{Path: "/opt/a", Mode: fs.ModeDevice | 0o644}} }, "more than permissions"},
		{"no name", func(r *Request) { r.Meta.Name = "" }, "name"},
		{"version", func(r *Request) { r.Meta.Version = "v1" }, "version"},
		{"injection", func(r *Request) { r.Meta.Maintainer = "A <a@b>\nEssential: yes" }, "maintainer"},
		{"dependency", func(r *Request) { r.Meta.Depends = []string{"libc6 >= 2"} }, "dependency"},
		{"source date", func(r *Request) { r.SourceDate = time.Time{} }, "before 1970"},
		{"compression", func(r *Request) { r.Compression = "brotli" }, "brotli"},
		{"10 GB", func(r *Request) {
			r.Compression = "none"
			r.Entries = []tree.Entry{{Path: "/opt/a", Source: sparse(t, 10<<30)}}
		}, "ten digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := Request{Meta: sampleMeta(), SourceDate: sourceDate, XZ: xzPath}
			c.change(&req)
			if err := Write(context.Background(), req, io.Discard); err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// sparse is a file of that size that takes no space.
func sparse(t *testing.T, size int64) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "large")
	if err := errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, size)); err != nil {
		t.Fatal(err)
	}
	return p
}

type failingWriter struct{ left int }

var errFull = errors.New("no space left")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterFails(t *testing.T) {
	req := sample(t)
	size := len(build(t, req))
	for _, left := range []int{0, 10, 100, size - 1} {
		if err := Write(context.Background(), req, &failingWriter{left}); !errors.Is(err, errFull) {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errFull)
	if err := Write(ctx, req, io.Discard); !errors.Is(err, errFull) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNames(t *testing.T) {
	if got := FileName(sampleMeta()); got != "web-sample_1.4.0-1~bookworm1_amd64.deb" {
		t.Errorf("file name %q", got)
	}
	if got := Version("1.4.0", 2, ""); got != "1.4.0-2" {
		t.Errorf("version %q", got)
	}
	if got := Version("1.4.0", 1, "bookworm"); got != "1.4.0-1~bookworm1" {
		t.Errorf("version %q", got)
	}
	if got, err := Arch("386"); got != "i386" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Arch("wasm"); err == nil {
		t.Error("wasm has an architecture")
	}
}
