package cpantest

import (
	"fmt"
	"strings"
	"testing"
)

func TestScanModule(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"plain", "package Foo::Bar;\nour $VERSION = '1.02';\n", "Foo::Bar 1.02"},
		{"no version", "package Foo;\n1;\n", "Foo undef"},
		{"statement", "package Foo 1.5;\n", "Foo 1.5"},
		{"block", "package Foo v1.2.3 {\n}\npackage Bar {\n}\n", "Foo v1.2.3, Bar undef"},
		{"qualified", "package DBI;\n$DBI::VERSION = \"1.643\"; # ==> ALSO update below\n", "DBI 1.643"},
		{"version object", "package Foo;\nour $VERSION = version->declare(\"v0.5.1\");\n", "Foo v0.5.1"},
		{"vars", "package Foo;\nuse vars qw($VERSION);\n*VERSION = \\'1.01';\n", "Foo undef"},
		{"first wins", "package Foo;\nour $VERSION = '1.1';\n$VERSION = '2';\n", "Foo 1.1"},
		{"no literal", "package Foo;\n$VERSION = eval $VERSION;\n", "Foo undef"},
		{"comparison", "package Foo;\nif ($VERSION == 5) {}\n", "Foo undef"},
		{"hidden", "package # hide from PAUSE\n  Foo;\npackage\n  Bar;\n", ""},
		{"comment", "# package Foo;\n", ""},
		{"pod", "package Foo;\n\n=head1 NAME\n\npackage Bar;\n\n=cut\n\npackage Baz;\n", "Foo undef, Baz undef"},
		{"end", "package Foo;\n__END__\npackage Bar;\n", "Foo undef"},
		{"private", "package main;\npackage DB;\npackage _Foo;\n", ""},
		{"old quote", "package Foo'Bar;\n", "Foo::Bar undef"},
		{"two", "package Foo; our $VERSION = 1;\npackage Bar; our $VERSION = 2;\n", "Foo 1, Bar 2"},
	}
	for _, tt := range tests {
		var got []string
		for _, m := range scanModule(tt.source) {
			got = append(got, m.Name+" "+m.Version)
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, s, tt.want)
		}
	}
}

func FuzzScanModule(f *testing.F) {
	f.Add("package Foo;\nour $VERSION = '1.02';\n=pod\n=cut\n__END__\n")
	f.Fuzz(func(t *testing.T, source string) {
		for _, m := range scanModule(source) {
			if m.Name == "" || m.Version == "" || strings.ContainsAny(m.Name+m.Version, " \t\n") {
				t.Errorf("%q", m)
			}
		}
	})
}

func TestArchiveModules(t *testing.T) {
	pm := map[string]string{"lib/Foo.pm": "package Foo;\n1;\n", "t/lib/Bar.pm": "package Bar;\n", "inc/Baz.pm": "package Baz;\n"}
	with := func(name, text string) map[string]string {
		files := map[string]string{name: text}
		for k, v := range pm {
			files[k] = v
		}
		return files
	}
	tests := []struct {
		name string
		dist Dist
		want string
	}{
		{"scanned", Dist{Name: "Foo", Version: "1", Files: pm, Omit: []string{"META.json"}}, "Foo undef"},
		{"provides", Dist{Name: "Foo", Version: "1", Files: with("META.json", `{"provides":{"Foo":{"file":"lib/Foo.pm","version":"3"},"Qux":{"file":"lib/Foo.pm"}}}`)}, "Foo 3,Qux undef"},
		{"a number", Dist{Name: "Foo", Version: "1", Files: with("META.json", `{"provides":{"Foo":{"file":"lib/Foo.pm","version":1.5}}}`)}, "Foo 1.5"},
		{"META without provides", Dist{Name: "Foo", Version: "1", Files: with("META.json", `{}`)}, "Foo undef"},
		{"nothing inside", Dist{Name: "common-sense", Version: "3.75", Files: map[string]string{"META.json": "{}"}}, "common::sense 3.75"},
	}
	for _, tt := range tests {
		data, err := tt.dist.Archive()
		if err != nil {
			t.Fatal(err)
		}
		modules, err := archiveModules(tt.dist.Path(), data)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []string
		for _, m := range modules {
			got = append(got, m.Name+" "+m.Version)
		}
		if s := strings.Join(got, ","); s != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, s, tt.want)
		}
	}
}

func TestArchiveModulesErrors(t *testing.T) {
	good, err := greeter().Archive()
	if err != nil {
		t.Fatal(err)
	}
	bad, err := Dist{Name: "Foo", Version: "1", Files: map[string]string{"META.json": "{"}}.Archive()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"no gzip": []byte("hello"), "truncated": good[:len(good)/2], "META": bad} {
		if _, err := archiveModules("Foo-1.tar.gz", data); err == nil || !strings.Contains(err.Error(), "Foo-1.tar.gz") {
			t.Errorf("%s: the error %q doesn't name the archive", name, fmt.Sprint(err))
		}
	}
}
