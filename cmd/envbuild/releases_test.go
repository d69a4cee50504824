package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
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
	_, err = reader.Read(f, func(f reader.File, r io.Reader) error {
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			return err
		}
		if paths.MatchString(f.Path) && !f.Mode.IsDir() { // nfpm gives all folders one date
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
