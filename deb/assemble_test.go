package deb

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
)

// shelf is a cache in memory that counts.
type shelf struct {
	mu        sync.Mutex
	parts     map[digest.Key][]byte
	hits, put int
}

func newShelf() *shelf { return &shelf{parts: map[digest.Key][]byte{}} }

func (s *shelf) Part(key digest.Key) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	part, ok := s.parts[key]
	if ok {
		s.hits++
	}
	return part, ok
}

func (s *shelf) PutPart(key digest.Key, part []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put++
	s.parts[key] = part
	return nil
}

// lines is text that compresses fast.
func lines(seed uint64, size int) []byte {
	words := strings.Fields("sub my return package use strict warnings if else for foreach print shift self args die croak")
	source := rand.New(rand.NewPCG(seed, 1))
	var b []byte
	for range min(size, 2000) {
		b = append(b, words[source.IntN(len(words))]...)
		b = append(b, " \n"[source.IntN(2)])
	}
	return bytes.Repeat(b, size/len(b)+1)[:size]
}

// largePackage has a runtime, distributions of all sizes and an application.
func largePackage() Request {
	const prefix = "/opt/web-sample"
	req := Request{Meta: sampleMeta(), SourceDate: sourceDate, XZ: xzPath}
	add := func(origin, p string, content []byte) {
		req.Entries = append(req.Entries, tree.Entry{Path: filepath.Join(prefix, p), Origin: origin, Content: content})
	}
	for i := range 700 {
		add("perl", fmt.Sprintf("runtime/lib/%03d.pm", i), lines(uint64(i), 25_000))
	}
	add("perl", "runtime/bin/perl", lines(1, 3_000_000))
	req.Entries = append(req.Entries, tree.Entry{Path: prefix + "/runtime/bin/perl5", Origin: "perl", Kind: tree.Hardlink, Target: prefix + "/runtime/bin/perl"})
	for i := range 40 {
		for j := range 1 + i%7 {
			name := fmt.Sprintf("Dist-%02d", i)
			add(name, fmt.Sprintf("local/lib/%s/%d.pm", name, j), lines(uint64(1000+10*i+j), 40_000))
		}
	}
	add("Large", "local/lib/Large.c", lines(7, 13<<20))
	for i := range 5 {
		add("", fmt.Sprintf("app/lib/%d.pm", i), lines(uint64(5000+i), 3000))
	}
	return req
}

// fewerSegments is a package of several segments, for tests that compress.
func fewerSegments() Request {
	req := largePackage()
	req.Entries = slices.DeleteFunc(req.Entries, func(e tree.Entry) bool {
		return e.Origin == "Large" || strings.Contains(e.Path, "/runtime/lib/") && e.Path > "/opt/web-sample/runtime/lib/200.pm"
	})
	return req
}

// change replaces the content of an entry.
func change(req *Request, name string) {
	i := slices.IndexFunc(req.Entries, func(e tree.Entry) bool { return strings.HasSuffix(e.Path, name) })
	req.Entries[i].Content = append([]byte("changed\n"), req.Entries[i].Content...)
}

// pieces renders the segments of a package.
func pieces(t *testing.T, req Request) [][]byte {
	t.Helper()
	p, err := prepare(req)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for i, s := range p.items.segments() {
		var b bytes.Buffer
		if err := s.writeTo(&b, sourceDate); err != nil {
			t.Fatal(err)
		}
		if int64(b.Len()) != s.size() {
			t.Errorf("segment %d has %d bytes, not %d", i, b.Len(), s.size())
		}
		out = append(out, b.Bytes())
	}
	if n := int64(len(slices.Concat(out...))); n != p.items.tarSize() {
		t.Errorf("the tar has %d bytes, not %d", n, p.items.tarSize())
	}
	return out
}

// TestSegments changes a package and counts the segments that are others.
func TestSegments(t *testing.T) {
	before := map[[32]byte]bool{}
	all := pieces(t, largePackage())
	for _, s := range all {
		before[sha256.Sum256(s)] = true
		if int64(len(s)) > seldom.max+tarBlock {
			t.Errorf("a segment of %d bytes", len(s))
		}
	}
	if len(all) < 8 {
		t.Errorf("%d segments", len(all))
	}
	for _, c := range []struct {
		name   string
		change func(*Request)
		most   int
	}{
		{"nothing", func(*Request) {}, 0},
		{"order", func(r *Request) { slices.Reverse(r.Entries) }, 0},
		{"application", func(r *Request) { change(r, "app/lib/3.pm") }, 1},
		{"version", func(r *Request) { r.Meta.Version = "2-1" }, 1},
		{"distribution", func(r *Request) { change(r, "Dist-17/0.pm") }, 1},
		{"large distribution", func(r *Request) { change(r, "Large.c") }, 2},
		{"runtime", func(r *Request) { change(r, "400.pm") }, 1},
		{"a new distribution", func(r *Request) { // and its directory
			r.Entries = append(r.Entries, tree.Entry{Path: "/opt/web-sample/local/lib/Dist-17a/x", Origin: "Dist-17a", Content: lines(3, 300_000)})
		}, 3},
	} {
		req := largePackage()
		c.change(&req)
		others := 0
		for _, s := range pieces(t, req) {
			if !before[sha256.Sum256(s)] {
				others++
			}
		}
		if others > c.most {
			t.Errorf("%s: %d of %d segments are others", c.name, others, len(all))
		}
	}
}

func TestCache(t *testing.T) {
	for _, compression := range []string{"xz", "gzip:1"} {
		t.Run(compression, func(t *testing.T) {
			req := fewerSegments()
			req.Compression = compression
			want := sha256.Sum256(build(t, req))
			s := newShelf()
			req.Cache = s
			try := func(what string, hits, put int) {
				t.Helper()
				s.hits, s.put = 0, 0
				if sha256.Sum256(build(t, req)) != want {
					t.Errorf("%s: other bytes", what)
				}
				if s.hits != hits || s.put != put {
					t.Errorf("%s: %d hits, %d parts put; want %d and %d", what, s.hits, s.put, hits, put)
				}
			}
			n := len(pieces(t, req))
			try("cold", 0, n)
			req.Parallel = 1
			try("warm", n, 0)
			keys := slices.SortedFunc(maps.Keys(s.parts), func(a, b digest.Key) int { return bytes.Compare(a[:], b[:]) })
			s.parts[keys[0]] = s.parts[keys[1]] // sound, but of another segment
			s.parts[keys[2]] = s.parts[keys[2]][:10]
			s.parts[keys[3]] = nil
			try("damaged", n, 3)
			change(&req, "app/lib/3.pm")
			want = sha256.Sum256(build(t, Request{
				Meta: req.Meta, Entries: req.Entries, SourceDate: req.SourceDate, Compression: compression, XZ: xzPath,
			}))
			try("the application changed", n-1, 1)
		})
	}
}

type brokenCache struct{}

func (brokenCache) Part(digest.Key) ([]byte, bool)   { return nil, false }
func (brokenCache) PutPart(digest.Key, []byte) error { return errFull }

func TestCacheFails(t *testing.T) {
	req := fewerSegments()
	req.Cache, req.Compression, req.Parallel = brokenCache{}, "gzip:1", 3
	if err := Write(context.Background(), req, io.Discard); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

// TestOneStream asks xz and dpkg about a package of many parts.
func TestOneStream(t *testing.T) {
	skiptest.Without(t, "xz", "dpkg-deb", "ar")
	req := fewerSegments()
	deb := save(t, req)
	data := filepath.Join(t.TempDir(), "data.tar.xz")
	tool(t, "sh", "-c", `ar p "$1" data.tar.xz >"$2"`, "sh", deb, data)
	tool(t, "xz", "--test", data)
	n := len(pieces(t, req))
	totals := strings.Fields(tool(t, "xz", "--list", "--robot", data))
	file := slices.Index(totals, "file")
	if got := totals[file+1 : file+3]; !slices.Equal(got, []string{"1", fmt.Sprint(n)}) {
		t.Errorf("streams and blocks: %q, want 1 and %d", got, n)
	}
	plain := filepath.Join(t.TempDir(), "data.tar")
	if err := os.WriteFile(plain, slices.Concat(pieces(t, req)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, compression := range []string{"xz", "gzip:1", "zstd:1", "none"} {
		req.Compression = compression
		tool(t, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | cmp - "$2"`, "sh", save(t, req), plain)
	}
}

// TestByNfpm compares with the package that nfpm itself makes of the same request.
func TestByNfpm(t *testing.T) {
	s, err := settings(t, project(t), `  section: web
  provides: [web-thing]
  epoch: 2
  scripts: {postinstall: post.sh}
  changelog: changes.yaml
  deb:
    arch_variant: v3
    predepends: [adduser]
    fields: {Multi-Arch: foreign, X-Team: web}
    triggers: {interest: [/usr/share/x]}
  contents:
    - {src: "conf/*.conf", dst: /etc/web-sample/, type: config}
    - {src: tree, dst: /usr/share/web-sample, type: tree}
`)
	if err != nil {
		t.Fatal(err)
	}
	req := sample(t)
	req.Settings, req.Scripts.PreRm = s, "true\n"
	ours := describe(t, build(t, req))
	req.Nfpm = true
	theirs := describe(t, build(t, req))
	if ours != theirs {
		t.Errorf("ours\n%s\nnfpm's\n%s", ours, theirs)
	}
}

// describe lists what two packages must have in common. nfpm lists conffiles in
// md5sums, and makes files of hardlinks.
func describe(t *testing.T, deb []byte) string {
	t.Helper()
	content := map[string]string{}
	files := map[string]reader.File{}
	p, err := reader.Reader{}.Read(bytes.NewReader(deb), func(f reader.File, r io.Reader) error {
		b, err := io.ReadAll(r)
		content[f.Path], files[f.Path] = string(b), f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	slices.SortFunc(p.Fields, func(a, b reader.Field) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range p.Fields {
		if f.Name != "Installed-Size" { // of hardlinks
			fmt.Fprintf(&out, "%s: %s\n", f.Name, f.Value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Members)) {
		b := p.Members[name]
		if name == "md5sums" {
			b = slices.Concat(slices.DeleteFunc(bytes.SplitAfter(b, []byte("\n")), func(l []byte) bool { return bytes.Contains(l, []byte("  etc/")) })...)
		}
		fmt.Fprintf(&out, "%s: %q\n", name, b)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		text := content[name]
		if f.Hardlink {
			text, f = content[f.Target], files[f.Target]
		}
		fmt.Fprintf(&out, "%s %v %s/%s %s %v %x\n", name, f.Mode, f.Owner, f.Group, f.Target, f.MTime, sha256.Sum256([]byte(text)))
	}
	return out.String()
}

// TestSourceChanges lets a file grow, shrink and be touched while it is packaged.
func TestSourceChanges(t *testing.T) {
	for name, change := range map[string]func(p string) error{
		"grown":   func(p string) error { return os.Truncate(p, 2000) },
		"shrunk":  func(p string) error { return os.Truncate(p, 10) },
		"written": func(p string) error { return os.WriteFile(p, lines(2, 1000), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			source := filepath.Join(t.TempDir(), "source")
			if err := os.WriteFile(source, lines(1, 1000), 0o600); err != nil {
				t.Fatal(err)
			}
			req := Request{Meta: sampleMeta(), SourceDate: sourceDate, XZ: xzPath, Entries: []tree.Entry{{Path: "/opt/a", Source: source}}}
			p, err := prepare(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := change(source); err != nil {
				t.Fatal(err)
			}
			var at *EntryError
			if err := p.assemble(t.Context(), io.Discard); !errors.As(err, &at) || at.Path != "/opt/a" || at.Hint() == "" {
				t.Error(err)
			}
		})
	}
}

// TestNoXZ has no program xz.
func TestNoXZ(t *testing.T) {
	req := sample(t)
	req.XZ = ""
	var program *ProgramError
	if err := Write(t.Context(), req, io.Discard); !errors.As(err, &program) || !strings.Contains(program.Hint(), "xz-utils") {
		t.Error(err)
	}
	if err := (*Settings)(nil).CheckCompressor(t.Context(), ""); !errors.As(err, &program) {
		t.Error(err)
	}
	req.Compression = "zstd"
	if err := Write(t.Context(), req, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestBrokenXZ has programs that fail, or write something else.
func TestBrokenXZ(t *testing.T) {
	for name, script := range map[string]string{
		"fails": "echo no memory >&2; exit 1", "text": "echo text", "nothing": "exit 0", "deaf": "exec <&-; echo x",
	} {
		dir := t.TempDir()
		script = "#!/bin/sh\n[ \"$1\" = --version ] && { echo xz 1; exit; }\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(dir, "xz"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		req := sample(t)
		req.XZ = filepath.Join(dir, "xz")
		if err := Write(t.Context(), req, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestAhead compresses two origins before the package is there.
func TestAhead(t *testing.T) {
	req := fewerSegments()
	req.Compression = "gzip:1"
	for i := range req.Entries {
		req.Entries[i].Time = sourceDate.Add(-time.Hour)
	}
	want := sha256.Sum256(build(t, req))
	s := newShelf()
	for _, origin := range []string{"perl", "Dist-06"} {
		early := Request{Compression: req.Compression, Cache: s, XZ: xzPath}
		for _, e := range req.Entries {
			if e.Origin == origin {
				early.Entries = append(early.Entries, e)
			}
		}
		if err := Ahead(t.Context(), early); err != nil {
			t.Fatal(err)
		}
	}
	if s.put < 1 {
		t.Error("no part was made ahead")
	}
	ahead := s.put
	req.Cache = s
	if sha256.Sum256(build(t, req)) != want || s.hits != ahead {
		t.Errorf("of %d parts made ahead %d were of use", ahead, s.hits)
	}
	req.Compression = "zstd"
	if err := Ahead(t.Context(), req); err != nil {
		t.Error(err)
	}
}
