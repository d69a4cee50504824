package ar

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	members := []struct{ name, content string }{{"even", "1234"}, {"odd", "123"}, {"empty", ""}, {"sixteen-letters.", "x"}}
	var b bytes.Buffer
	w, err := NewWriter(&b, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if err := w.Copy(Header{m.name, int64(len(m.content))}, strings.NewReader(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		h, err := r.Next()
		if err != nil || h.Name != m.name || h.Size != int64(len(m.content)) {
			t.Fatalf("%+v, %v", h, err)
		}
		if i == 0 {
			continue // skipped
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != m.content {
			t.Errorf("%s: %q, %v", m.name, got, err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestCopyRefuses(t *testing.T) {
	for _, c := range []struct {
		h       Header
		content string
	}{
		{Header{"seventeen-letters", 1}, "x"}, {Header{"large", MaxSize + 1}, ""}, {Header{"short", 2}, "x"},
	} {
		w, err := NewWriter(io.Discard, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Copy(c.h, strings.NewReader(c.content)); err == nil {
			t.Errorf("%+v was written", c.h)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("!<arch>\nname            0           0     0     100644  3         `\nabc\n"))
	f.Add([]byte("!<arch>\nname            0           0     0     100644  9999999999`\nabc\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		for err == nil {
			var h Header
			if h, err = r.Next(); err != nil {
				break
			}
			n, read := io.Copy(io.Discard, r)
			if read == nil && n != h.Size {
				t.Errorf("%d bytes of %d", n, h.Size)
			}
			err = read
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, ErrFormat) {
			t.Errorf("error %v", err)
		}
	})
}
