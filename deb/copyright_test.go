package deb

import (
	"slices"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/tree"
)

func TestExpression(t *testing.T) {
	for in, want := range map[string]string{
		"MIT":                                   "Expat",
		"Artistic-1.0-Perl OR GPL-1.0-or-later": "Artistic or GPL-1+",
		"MIT AND (Artistic-1.0-Perl OR GPL-1.0-or-later)": "Expat, and Artistic or GPL-1+",
		"(MIT OR Zlib) AND Apache-2.0":                    "Expat or Zlib, and Apache-2.0",
		"MIT AND Zlib OR LGPL-2.1-only":                   "Expat and Zlib or LGPL-2.1",
		"GPL-2.0+ WITH Classpath-exception-2.0":           "GPL-2+ with Classpath-exception-2.0 exception",
		"LicenseRef-CPAN-open-source":                     "CPAN-open-source",
		"((GFDL-1.3-only))":                               "GFDL-1.3",
	} {
		e := parseExpression(in)
		if e == nil || e.debian() != want {
			t.Errorf("%s: %+v", in, e)
		}
	}
	for _, bad := range []string{"", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT MIT", "MIT WITH", "()", strings.Repeat("(", 99) + "MIT" + strings.Repeat(")", 99)} {
		if e := parseExpression(bad); e != nil {
			t.Errorf("%s: %s", bad, e.debian())
		}
	}
}

func FuzzExpression(f *testing.F) {
	f.Add("MIT AND (Artistic-1.0-Perl OR GPL-1.0-or-later WITH x)")
	f.Fuzz(func(t *testing.T, s string) {
		if e := parseExpression(s); e != nil && (e.debian() == "" || len(e.ids()) == 0) {
			t.Errorf("%q", s)
		}
	})
}

func TestFilePatterns(t *testing.T) {
	var entries []tree.Entry
	for _, p := range []string{"a/run/x", "a/run/y/z", "a/lib/one/1", "a/lib/one/2", "a/lib/one.pm", "a/lib/two.pm", "a/lib/od d*.pm", "a/app/x", "etc/x"} {
		entries = append(entries, tree.Entry{Path: "/" + p})
	}
	entries = append(entries, tree.Entry{Path: "/a/empty", Kind: tree.Dir})
	got := filePatterns([]Component{
		{Files: []string{"/a/run/x", "/a/run/y/z"}},
		{Files: []string{"/a/lib/one/1", "/a/lib/one/2", "/a/lib/one.pm", "/not/there"}},
		{Files: []string{"/a/lib/two.pm", "/a/lib/od d*.pm"}},
		{},
	}, entries)
	want := [][]string{{"a/run/*"}, {"a/lib/one.pm", "a/lib/one/*"}, {`a/lib/od?d\*.pm`, "a/lib/two.pm"}, nil}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q", got)
	}
}

func TestCopyright(t *testing.T) {
	m := sampleMeta()
	m.Components = []Component{
		{Name: "Plack", Version: "1.0050", License: "Artistic-1.0-Perl OR GPL-1.0-or-later", Authors: []string{"T. M. <t@example.org>", "B\nC"}, Source: "P.tar.gz", Terms: "all of the GPL", Files: []string{"/p"}},
		{Name: "Mit", Version: "1", License: "MIT", Terms: "Copyright 2020 M\r\n\r\nPermission \x1b is\xff", Files: []string{"/m"}},
		{Name: "NoText", Version: "1", License: "MIT", Files: []string{"/n"}},
		{Name: "Unknown", Version: "1", Files: []string{"/u"}},
		{Name: "Gone", Version: "1", License: "ISC"},
	}
	entries := []tree.Entry{{Path: "/p"}, {Path: "/m"}, {Path: "/n"}, {Path: "/u"}, {Path: "/app"}}
	const want = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: web-sample
Upstream-Contact: Ops Team <ops@example.org>
Comment:
 This package holds an application and what it runs on. Every part keeps its
 own authors and licence; what stands here is what the parts name.

Files: *
Copyright: 2024, the authors of web-sample
License: other
 The terms are those under which the maintainer publishes the application.

Files:
 m
Copyright: the authors of Mit
License: Expat
 Copyright 2020 M
 .
 Permission  is�
Comment: Mit 1

Files:
 n
Copyright: the authors of NoText
License: Expat
Comment: NoText 1

Files:
 p
Copyright: T. M. <t@example.org>
 B C
License: Artistic or GPL-1+
Comment: Plack 1.0050; P.tar.gz

Files:
 u
Copyright: the authors of Unknown
License: other
 Its metadata names no licence; its documentation may.
Comment: Unknown 1

License: Artistic
 The Artistic License.
 On Debian systems its text is in /usr/share/common-licenses/Artistic.

License: Expat
 The MIT licence. The documentation of the part has its text, and so has
 https://spdx.org/licenses/MIT.html.

License: GPL-1+
 The GNU General Public License, version 1 or any later version.
 On Debian systems its text is in /usr/share/common-licenses/GPL-1.
`
	if got := string(copyright(m, "", 2024, entries)); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestNoFiles(t *testing.T) {
	if got := filePatterns([]Component{{Name: "a"}}, nil); len(got) != 1 || got[0] != nil {
		t.Errorf("%q", got)
	}
}
