package view

import (
	"slices"
	"strings"
	"testing"
)

func TestFindHolds(t *testing.T) {
	const prefix = "/unrelocated-prefix"
	pad := func(s string) string { return s + strings.Repeat("/", Room-len(s)) }
	tails := []string{"/runtime", "/local"}
	for name, c := range map[string]struct {
		content string
		want    *Hold
	}{
		"nothing": {"\x00 nothing", nil},
		"text":    {"#!" + prefix + "/runtime/bin/perl", &Hold{Text: true}},
		"binary": {
			"\x00" + pad(prefix+"/runtime") + "/lib\x00" + pad(prefix+"/local") + pad(prefix+"/local"),
			&Hold{Offsets: []int64{1, 70, 134}, Tails: []string{"/runtime", "/local", "/local"}},
		},
	} {
		got, err := FindHolds(strings.NewReader(c.content), prefix, tails)
		if err != nil || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %+v %v", name, got, err)
			continue
		}
		if got != nil && (got.Text != c.want.Text || !slices.Equal(got.Offsets, c.want.Offsets) || !slices.Equal(got.Tails, c.want.Tails)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, bad := range []string{"\x00" + prefix, "\x00" + pad(prefix+"/other"), "\x00" + prefix + "/runtime" + strings.Repeat("x", Room)} {
		if got, err := FindHolds(strings.NewReader(bad), prefix, tails); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func FuzzFindHolds(f *testing.F) {
	f.Add("\x00/prefix/runtime" + strings.Repeat("/", Room))
	f.Add("text /prefix")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := FindHolds(strings.NewReader(s), "/prefix", []string{"/runtime", ""})
		if err != nil || h == nil {
			return
		}
		for i, off := range h.Offsets {
			if !strings.HasPrefix(s[off:], "/prefix"+h.Tails[i]) || int(off)+Room > len(s) {
				t.Errorf("%q: %+v", s, h)
			}
		}
	})
}
