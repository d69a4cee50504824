package perl

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const goodIndex = `File:         02packages.details.txt
Description:  Package names
Line-Count:   3
Last-Updated: Mon

AnyEvent   7.17  M/ML/MLEHMANN/AnyEvent-7.17.tar.gz
anyevent::x undef M/ML/MLEHMANN/AnyEvent-7.17.tar.gz  extra words
Old::Pm    1     A/AU/AUTHOR/Old.pm.gz
Evil       1     ../../etc/passwd.tar.gz
`

func TestIndex(t *testing.T) {
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = zw.Write([]byte(goodIndex))
	_ = zw.Close()
	for name, files := range map[string]map[string][]byte{
		"plain": {indexPath: []byte(goodIndex)}, "gzip": {indexPath + ".gz": zipped.Bytes()},
		"unzipped by the server": {indexPath + ".gz": []byte(goodIndex)},
		"without header":         {indexPath: []byte(goodIndex[strings.Index(goodIndex, "AnyEvent"):])},
	} {
		w := newWorld(t)
		w.mirrors[publicMirror] = files
		ix, err := readIndex(context.Background(), w, publicMirror)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(ix.modules) != 2 || ix.modules["AnyEvent"] != (indexEntry{"7.17", "M/ML/MLEHMANN/AnyEvent-7.17.tar.gz"}) {
			t.Errorf("%s: %v", name, ix.modules)
		}
		if got := fmt.Sprint(ix.provides("M/ML/MLEHMANN/AnyEvent-7.17.tar.gz")); got != "[{AnyEvent 7.17} {anyevent::x undef}]" {
			t.Errorf("%s: provides %s", name, got)
		}
	}
}

func TestIndexErrors(t *testing.T) {
	down := errors.New("connection refused")
	w := newWorld(t)
	w.mirrors["broken"] = map[string][]byte{indexPath: []byte("\n<html>\n")}
	w.mirrors["cut"] = map[string][]byte{indexPath + ".gz": {0x1f, 0x8b, 8, 0}}
	w.down["down"] = down
	for mirror, want := range map[string]string{
		"broken": `the index of broken can't be read: line 2 is not a module, its version and its path: "<html>"`,
		"cut":    "the index of cut can't be read: unexpected EOF",
		"down":   "the index of down can't be read: connection refused",
		"empty":  "the index of empty can't be read: empty" + indexPath + ": not found",
	} {
		_, err := readIndex(context.Background(), w, mirror)
		var ie *IndexError
		if err == nil || err.Error() != want || !errors.As(err, &ie) || ie.Mirror != mirror {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(goodIndex))
	f.Add([]byte("A 1 B/BB/BBB/C-1.tar.gz"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ix, err := parseIndex(data)
		if err != nil {
			return
		}
		for name, e := range ix.modules {
			if !isModuleName(name) || checkPathname(e.pathname) != nil || len(ix.provides(e.pathname)) == 0 {
				t.Errorf("%q %+v", name, e)
			}
		}
	})
}
