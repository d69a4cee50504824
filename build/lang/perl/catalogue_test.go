package perl

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

func TestPinRuntime(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for _, test := range []struct {
		constraint, source string
		want, err          string
	}{
		{"5.36.0", "", "5.36.0 perl-5.36.0.tar.xz", ""},
		{"~5.36", "", "5.36.3 perl-5.36.3.tar.xz", ""},
		{"~5.40", "", "5.40.3 perl-5.40.3.tar.gz", ""},
		{">=5.30 <5.36", "", "5.34.3 perl-5.34.3.tar.xz", ""},
		{"5.16.3", "", "5.16.3 perl-5.16.3.tar.gz", ""},
		{"5.36.0", "https://x.example/perl-5.36.0.tar.gz", "5.36.0 perl-5.36.0.tar.gz https://x.example/perl-5.36.0.tar.gz", ""},
		{"~5.41", "", "", `no known release of perl satisfies "~5.41"`},
		{"~5.36", "https://x.example/perl-5.41.1.tar.gz", "", `runtime.options.source is perl 5.41.1, which "~5.36" excludes`},
		{"~5.36", "https://x.example/latest.tar.gz", "", `runtime.options.source: the file name "latest.tar.gz" doesn't say which release it is, as perl-5.40.1.tar.xz does`},
		{"nonsense", "", "", "runtime.perl: constraint \"nonsense\": improper constraint: \"nonsense\""},
	} {
		rt := pkgspec.Runtime{Language: "perl", Constraint: test.constraint}
		if test.source != "" {
			rt.Options.Source, rt.Options.SHA256 = test.source, sum
		}
		pin, err := pinRuntime(rt)
		if (err != nil || test.err != "") && (err == nil || err.Error() != test.err) {
			t.Errorf("%s: error %v, want %s", test.constraint, err, test.err)
			continue
		}
		got := strings.TrimSpace(fmt.Sprintf("%s %s %s", pin.Version, pin.Source().Path, pin.Source().URL))
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.constraint, got, test.want)
		}
	}
	_, err := pinRuntime(pkgspec.Runtime{Constraint: "~5.41"})
	var re *RuntimeError
	if !errors.As(err, &re) || !strings.Contains(re.Hint(), "5.36.3, 5.34.3") {
		t.Errorf("hint %q", re.Hint())
	}
}

func TestCatalogueIsSound(t *testing.T) {
	releases, err := parseCatalogue(releasesTable)
	if err != nil || len(releases) < 80 {
		t.Fatalf("%d releases, %v", len(releases), err)
	}
	seen := map[string]bool{}
	for _, r := range releases {
		if seen[r.file()] {
			t.Errorf("%s is there twice", r.file())
		}
		seen[r.file()] = true
	}
	for _, bad := range []string{"x", "5.36\ttar.gz\tab", "5.36.0\ttar.gz\tab"} {
		if _, err := parseCatalogue(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestSources(t *testing.T) {
	sum := digest.Sum([]byte("x"))
	rt := RuntimeSource(&pkgspec.Lock{Languages: []pkgspec.LanguageLock{{Language: "perl", Runtime: pkgspec.RuntimePin{
		Version: "5.36.0", Sources: []pkgspec.SourcePin{{Path: "perl-5.36.0.tar.xz", SHA256: sum, Size: 5}},
	}}}})
	if got := fmt.Sprint(rt.Name, rt.File, rt.URLs, rt.DebianPaths, rt.SHA256 == sum, rt.Size); got !=
		"perl-5.36.0perl-5.36.0.tar.xz[https://www.cpan.org/src/5.0/perl-5.36.0.tar.xz https://cpan.metacpan.org/src/5.0/perl-5.36.0.tar.xz]"+
			"[pool/main/p/perl/perl_5.36.0.orig.tar.xz]true5" && rt.Size != 5 {
		t.Error(got)
	}
	for _, test := range []struct{ name, version, path, debian string }{
		{"Plack", "1.0050", "M/MI/MIYAGAWA/Plack-1.0050.tar.gz", "pool/main/libp/libplack-perl/libplack-perl_1.0050.orig.tar.gz"},
		{"libwww-perl", "6.67", "O/OA/OALDERS/libwww-perl-6.67.tgz", "pool/main/libw/libwww-perl/libwww-perl_6.67.orig.tar.gz"},
		{"Foo_Bar", "v1.2.3", "A/AU/AUTHOR/Foo_Bar-v1.2.3.tar.bz2", "pool/main/libf/libfoo-bar-perl/libfoo-bar-perl_1.2.3.orig.tar.bz2"},
		{"Zip", "1", "A/AU/AUTHOR/Zip-1.zip", ""},
	} {
		pin := pkgspec.Pin{Name: test.name, Version: test.version, Sources: []pkgspec.SourcePin{{Path: test.path, SHA256: sum}}}
		s := DistributionSource(pin, []string{"https://m.example/"})
		if got := strings.Join(s.DebianPaths, " "); got != test.debian {
			t.Errorf("%s: %s, want %s", test.name, got, test.debian)
		}
		if s.Path != "authors/id/"+test.path || len(s.Mirrors) != 1 || s.SHA256 != sum {
			t.Errorf("%+v", s)
		}
	}
	own := DistributionSource(pkgspec.Pin{Name: "A", Sources: []pkgspec.SourcePin{{Path: "A-1.tar.gz", URL: "https://x.example/A-1.tar.gz"}}}, []string{"https://m.example/"})
	if own.Path != "" || own.Mirrors != nil || len(own.URLs) != 1 || own.File != "A-1.tar.gz" {
		t.Errorf("%+v", own)
	}
}

func TestMirrors(t *testing.T) {
	spec := &pkgspec.Spec{Dir: "/project", Dependencies: (&pkgspec.CPAN{}).Dependencies()}
	for _, test := range []struct {
		spec, override []string
		want           string
	}{
		{nil, nil, "https://cpan.metacpan.org/"},
		{[]string{"http://a.example", "mirror/private", "file:///srv/cpan"}, nil, "http://a.example/ file:///project/mirror/private/ file:///srv/cpan/"},
		{[]string{"http://a.example"}, []string{"http://b.example//"}, "http://b.example/"},
		{[]string{"../with space"}, nil, "file:///with%20space/"},
	} {
		spec.CPAN().Mirrors = test.spec
		if got := strings.Join(Mirrors(spec, test.override), " "); got != test.want {
			t.Errorf("Mirrors = %s, want %s", got, test.want)
		}
	}
}
