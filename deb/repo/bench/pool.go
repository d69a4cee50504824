package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// payload is how much data that doesn't compress each package holds.
const payload = 17 << 10

// makePool makes packages number first to first+n-1 in a directory. They are like
// those of a distribution: a stanza has about 800 bytes.
func makePool(dir string, first, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := first; i < first+n; i++ {
		data, err := makeDeb(i)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fileName(i)), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func packageName(i int) string { return fmt.Sprintf("bench-package-%05d", i) }

func fileName(i int) string { return packageName(i) + "_1.0-1_amd64.deb" }

func makeDeb(i int) ([]byte, error) {
	rnd := rand.New(rand.NewPCG(uint64(i), 7))
	var depends, words []string
	for range 8 {
		depends = append(depends, fmt.Sprintf("library-%d (>= %d.%d)", rnd.IntN(5000), rnd.IntN(9), rnd.IntN(30)))
	}
	for range 50 {
		words = append(words, fmt.Sprintf("word%d", rnd.IntN(3000)))
	}
	control := fmt.Sprintf("Package: %s\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: Bench <bench@example.org>\n"+
		"Installed-Size: 20\nDepends: %s\nSection: misc\nPriority: optional\nHomepage: https://example.org/%d\n"+
		"Description: package %d of the bench\n %s\n", packageName(i), strings.Join(depends, ", "), i, i, strings.Join(words, " "))
	noise := make([]byte, payload)
	for j := range noise {
		noise[j] = byte(rnd.Uint32())
	}
	controlTar, err := tarGzip("./control", []byte(control))
	if err != nil {
		return nil, err
	}
	dataTar, err := tarGzip("./usr/share/"+packageName(i)+"/data", noise)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", controlTar}, {"data.tar.gz", dataTar}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 1700000000, 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), nil
}

func tarGzip(name string, data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(1700000000, 0), Uname: "root", Gname: "root"}
	if err := t.WriteHeader(h); err != nil {
		return nil, err
	}
	if _, err := io.Copy(t, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
