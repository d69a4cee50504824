package view

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestSharedFiles(t *testing.T) {
	const base = "[XML::SAX::PurePerl]\nnamespaces = 1\n"
	req := request(t, nil,
		files{"ini": base},
		files{"ini": base + "\n[XML::LibXML]\npath = " + bundleFrom + "\n\n\n"},
		files{"ini": base + "[XML::SAX::Expat]\nx = 1"},
	)
	req.Parts[1].Shared = []Shared{{Path: "ini", Rule: Sections}}
	mustMake(t, req)
	want := base + "\n[XML::LibXML]\npath = /opt/app/local\n\n[XML::SAX::Expat]\nx = 1\n"
	if got := content(t, req, "local/ini"); got != want {
		t.Errorf("%q, want %q", got, want)
	}

	req = request(t, nil, files{"ini": base}, files{"ini": "[XML::SAX::PurePerl]\nnamespaces = 0\n"})
	req.Parts[1].Shared = []Shared{{Path: "ini", Rule: Sections}}
	_, err := Make(t.Context(), req)
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !slices.Equal(conflict.Conflicts[0].Layers, []string{"A", "B"}) {
		t.Error(err)
	}
}

// FuzzSections wants a union that holds each section once and that is the same
// when it is joined with itself or with its parts.
func FuzzSections(f *testing.F) {
	f.Add([]byte("[a]\nx = 1\n\n[b]\n"), []byte("; head\n[c]\ny=2"))
	f.Add([]byte(""), []byte("[]\n[a"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		it := &item{}
		var u sections
		if _, ok := u.add(a, it); !ok {
			return
		}
		if _, ok := u.add(b, it); !ok {
			return
		}
		text := u.text()
		if clash, ok := u.add(text, it); !ok || !bytes.Equal(u.text(), text) {
			t.Errorf("%q and %q: their union %q clashes with itself at [%s]", a, b, text, clash.name)
		}
	})
}
