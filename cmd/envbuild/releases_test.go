package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/deb/reader"
)

// editSpec changes the client's spec and keeps its lock fresh.
func (c client) editSpec(t *testing.T, changes ...string) {
	t.Helper()
	path := filepath.Join(c.dir, "envbuild.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := string(text)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(edited, changes[i]) {
			t.Fatalf("the spec has no %q", changes[i])
		}
		edited = strings.Replace(edited, changes[i], changes[i+1], 1)
	}
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
}

// listing describes the files of a package at paths that match.
func listing(t *testing.T, deb string, paths *regexp.Regexp) string {
	t.Helper()
	f, err := os.Open(deb)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	_, err = reader.Reader{}.Read(f, func(f reader.File, r io.Reader) error {
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			return err
		}
		if paths.MatchString(f.Path) && !f.Mode.IsDir() { // nfpm gives all directories one date
			fmt.Fprintf(&b, "%+v %x\n", f, h.Sum(nil))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// testReleases makes two releases that differ in the application, at dates of
// their own: what they depend on is the same to the byte, at the same path.
func testReleases(t *testing.T, c client) {
	c.editSpec(t, "releases: 0", "releases: 3")
	defer c.editSpec(t, "releases: 3", "releases: 0")
	bundle := regexp.MustCompile(`^/opt/web-notes/package/bundle/`)
	var bundles []string
	for version, date := range map[string]string{"1.0.1": "1800000000", "1.0.2": "1900000000"} {
		dated := client{dir: c.dir, env: append(append([]string{}, c.env...), "SOURCE_DATE_EPOCH="+date)}
		deb := debOf(t, dated, "--version", version)
		bundles = append(bundles, listing(t, deb.Path, bundle))
		rest := listing(t, deb.Path, regexp.MustCompile(`/package/release/|/usr/sbin/web-notes-release|/man8/`))
		for _, want := range []string{"/app/lib/WebNotes.pm ", "/env.rc ", "/env.sh ", "/bundle ", "/usr/sbin/web-notes-release ", "web-notes-release.8.gz "} {
			if !strings.Contains(rest, want) {
				t.Errorf("no %s in\n%s", want, rest)
			}
		}
	}
	if len(bundles[0]) < 10000 || bundles[0] != bundles[1] {
		t.Errorf("the bundles differ:\n%.2000s\n%.2000s", bundles[0], bundles[1])
	}
	got := c.must(t, "env", "--prefix", "/srv/notes", "--format", "dotenv")
	if !regexp.MustCompile(`(?m)^PROJECT_BASE=.?/srv/notes/releases/1\.0\.0-1~[a-z]+1/app`).MatchString(got) ||
		!regexp.MustCompile(`(?m)^PATH=.?/srv/notes/bundle/[0-9a-f]{12}/local/bin:`).MatchString(got) {
		t.Errorf("the environment\n%s", got)
	}
}

// testRuntimePackage makes perl a package of its own: its bytes are the same
// whoever makes it, and the project's package depends on it.
func testRuntimePackage(t *testing.T, c client) {
	c.editSpec(t, `perl: "`+testPerl+`"`, `perl: "`+testPerl+"\"\n  as: package\n  maintainer: Perl Team <perl@example.org>")
	defer c.editSpec(t, "\n  as: package\n  maintainer: Perl Team <perl@example.org>", "")
	first := debsOf(t, c, 2)
	out, err := exec.Command("dpkg-deb", "-f", first[1].Path, "Package", "Version", "Maintainer").Output()
	if err != nil {
		t.Fatal(err)
	}
	series, _, _ := strings.Cut(strings.TrimPrefix(testPerl, "5."), ".")
	m := regexp.MustCompile(`^Package: (envbuild-perl-5\.` + series + `-[0-9a-f]{8})\nVersion: (` + regexp.QuoteMeta(testPerl) +
		`-1~[a-z]+1)\nMaintainer: Perl Team <perl@example.org>\n$`).FindStringSubmatch(string(out))
	if m == nil {
		t.Fatalf("the runtime's package says\n%s", out)
	}
	depends, err := exec.Command("dpkg-deb", "-f", first[0].Path, "Depends").Output()
	if err != nil || !strings.Contains(string(depends), m[1]+" (>= "+m[2]+")") {
		t.Errorf("%s %v", depends, err)
	}
	for _, c := range []struct{ deb, kind string }{{first[0].Path, "interest"}, {first[1].Path, "activate"}} {
		out, err := exec.Command("dpkg-deb", "-I", c.deb, "triggers").Output()
		if err != nil || string(out) != c.kind+"-noawait "+m[1]+"\n" {
			t.Errorf("triggers %q %v", out, err)
		}
	}
	files := listing(t, first[1].Path, regexp.MustCompile(`^/opt/`))
	if !strings.Contains(files, "/opt/"+m[1]+"/bin/perl ") || strings.Contains(files, "/opt/web-notes") {
		t.Errorf("the runtime's files\n%.2000s", files)
	}
	if files := listing(t, first[0].Path, regexp.MustCompile(`/bin/perl\b|/CORE/`)); files != "" {
		t.Errorf("the project's package holds a perl\n%s", files)
	}

	// Another project, with its own maintainer and dates.
	c.editSpec(t, "Web Notes Team <notes@", "Others <others@")
	defer c.editSpec(t, "Others <others@", "Web Notes Team <notes@")
	dated := client{dir: c.dir, env: append(append([]string{}, c.env...), "SOURCE_DATE_EPOCH=1900000000")}
	second := debsOf(t, dated, 2, "--version", "2.0")
	if first[1].SHA256 != second[1].SHA256 {
		t.Errorf("%+v and %+v differ", first[1], second[1])
	}
	// A prefix of its own is another package.
	c.editSpec(t, "as: package", "as: package\n  prefix: /usr/local/perl/perl-5.36\n  revision: 2")
	defer c.editSpec(t, "\n  prefix: /usr/local/perl/perl-5.36\n  revision: 2", "")
	third := debsOf(t, c, 2)
	if strings.Contains(third[1].Path, m[1]) || !strings.Contains(third[1].Path, "_"+testPerl+"-2~") {
		t.Errorf("%s and %s", third[1].Path, m[1])
	}
	if files := listing(t, third[1].Path, regexp.MustCompile(`^/usr/local/perl/perl-5.36/bin/perl$`)); files == "" {
		t.Error("there is no perl at the prefix")
	}
	got := c.must(t, "env", "--prefix", "/srv/notes", "--format", "dotenv")
	if !strings.Contains(got, "/srv/notes/local/bin:/usr/local/perl/perl-5.36/bin:") {
		t.Errorf("the environment\n%s", got)
	}
}
