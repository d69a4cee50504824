package view

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	runtimeFrom = "/Q7MVFAnyFZTOVQ7XLZXY79Zn21Mw8DjHrXW8YpU6sAfy9p4sb7EFlWtAw2vgzhC"
	bundleFrom  = "/slRbpwOtcDPCELbOpyh2qC2ljtSKYZXVYXk5jAKfiDVGwHWK6k3SU0wmkgQSq4S"
	workPath    = "/Zh4SW5emIlK7kwds0M3K5OWy4frRLosYwr6BezOb5emJ57j3fyJpRnTbXfnDHni"
	storePath   = "/home/somebody/.cache/envbuild/outputs"
)

func testScanner() *scanner {
	return newScanner([]string{runtimeFrom, bundleFrom, workPath}, []string{storePath, "/8 bytes"})
}

// naive is what find has to be equal to.
func naive(b []byte) (int64, bool) {
	first := -1
	note := func(s string) {
		if i := bytes.Index(b, []byte(s)); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	note(storePath)
	note("/8 bytes")
	for _, p := range []string{runtimeFrom, bundleFrom, workPath} {
		for i := range len(p) - 7 {
			note(p[i : i+8])
		}
	}
	return int64(first), first >= 0
}

func checkScan(t *testing.T, s *scanner, b []byte) {
	t.Helper()
	want, wantFound := naive(b)
	got, found := s.find(b)
	if found != wantFound || found && got.offset != want {
		t.Errorf("find(%q) = %d, %v; want %d, %v", b, got.offset, found, want, wantFound)
	}
	for _, size := range []int{4 * s.longest, 1 << 16} {
		got, found, err := s.read(iotest.HalfReader(bytes.NewReader(b)), make([]byte, size))
		if err != nil || found != wantFound || found && got.offset != want {
			t.Errorf("read(%q) with %d bytes = %d, %v, %v; want %d, %v", b, size, got.offset, found, err, want, wantFound)
		}
	}
}

func TestScanEveryPieceAtEveryOffset(t *testing.T) {
	s := testScanner()
	for _, p := range []string{runtimeFrom, bundleFrom, workPath} {
		for i := range len(p) - 7 {
			for pad := range 2 * stride {
				b := []byte(strings.Repeat("x", pad) + p[i:i+8] + strings.Repeat("y", i%7))
				m, found := s.find(b)
				if !found || m.offset != int64(pad) {
					t.Fatalf("%q: %v at %d", b, found, m.offset)
				}
			}
			checkScan(t, s, []byte(p[i:i+7]+"-"))
		}
	}
}

func TestScanAcrossChunks(t *testing.T) {
	s := testScanner()
	size := 4 * s.longest
	for at := range 3 * size {
		b := bytes.Repeat([]byte{'.'}, at)
		checkRead(t, s, append(b, storePath...), size, at)
		checkRead(t, s, append(b[:at:at], runtimeFrom[20:28]+"tail"...), size, at)
	}
}

func checkRead(t *testing.T, s *scanner, b []byte, size, want int) {
	t.Helper()
	m, found, err := s.read(bytes.NewReader(b), make([]byte, size))
	if err != nil || !found || m.offset != int64(want) {
		t.Fatalf("at %d: %v at %d, %v", want, found, m.offset, err)
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(""), 0, uint8(0))
	f.Add([]byte("plain text"), 3, uint8(8))
	f.Add([]byte(storePath[:20]+storePath), 11, uint8(7))
	f.Add([]byte(bundleFrom), 500, uint8(64))
	s := testScanner()
	f.Fuzz(func(t *testing.T, b []byte, at int, n uint8) {
		// Put a piece of a placeholder in, which no fuzzer would find.
		piece := runtimeFrom[int(n)%32 : int(n)%32+int(n)%16]
		if len(b) > 0 {
			i := uint(at) % uint(len(b))
			b = append(append(bytes.Clone(b[:i]), piece...), b[i:]...)
		}
		checkScan(t, s, b)
	})
}

// FuzzRelocateText wants of every text what bytes.ReplaceAll makes of it.
func FuzzRelocateText(f *testing.F) {
	r := relocator{[]Rewrite{{runtimeFrom, "/opt/app/runtime"}, {bundleFrom, "/opt/app/local"}}}
	f.Add("#!/bin/sh\n", "tail", true)
	f.Add("", "", false)
	f.Fuzz(func(t *testing.T, before, after string, again bool) {
		text := before + runtimeFrom + after
		if again {
			text += bundleFrom + before + runtimeFrom
		}
		want := strings.ReplaceAll(strings.ReplaceAll(text, runtimeFrom, "/opt/app/runtime"), bundleFrom, "/opt/app/local")
		got, err := r.file(&item{}, []byte(text))
		if strings.Contains(text, "\x00") {
			want = text
		}
		if err != nil || string(got) != want {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	binary, err := os.ReadFile("/proc/self/exe") // its first MiB is code, without the placeholders
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile("scan.go")
	if err != nil {
		b.Fatal(err)
	}
	random := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{}).Read(random)
	s := testScanner()
	for _, c := range []struct {
		name string
		data []byte
	}{{"binary", binary[:1<<20]}, {"text", bytes.Repeat(text, 1000)}, {"random", random}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.data)))
			buf := make([]byte, chunkSize)
			for b.Loop() {
				if m, found, err := s.read(bytes.NewReader(c.data), buf); found || err != nil {
					b.Fatal(m, err)
				}
			}
		})
	}
}
