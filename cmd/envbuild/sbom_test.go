package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// TestSBOM reads the bill of materials of a lock and of a package.
func TestSBOM(t *testing.T) {
	c := client{dir: newDir(t), env: append(os.Environ(), "ENVBUILD_CACHE="+newCache(t))}
	spec := "name: small\nversion: \"1\"\nmaintainer: Ops Team <ops@example.org>\ndescription: a runtime\nruntime: {perl: \"" + testPerl + "\"}\n"
	if err := os.WriteFile(filepath.Join(c.dir, "envbuild.yaml"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := c.run("sbom"); got.code != 3 {
		t.Errorf("without a lock: %v", got)
	}
	c.must(t, "lock")
	lock := readBOM(t, c.must(t, "sbom"))
	if lock.Metadata.Component.Version != "1" || len(*lock.Components) != 1 || (*lock.Components)[0].CPE == "" {
		t.Errorf("of the lock: %+v", lock)
	}
	made := c.must(t, "deb", "-o", "out")
	elsewhere := client{dir: newDir(t), env: c.env}
	if pkg := readBOM(t, elsewhere.must(t, "sbom", made)); !strings.HasPrefix(pkg.Metadata.Component.Version, "1-1") {
		t.Errorf("of the package: %+v", pkg.Metadata.Component)
	}
	page := fileText(t, c.must(t, "report", "-o", "page.html"))
	if !strings.Contains(page, "perl "+testPerl) || !strings.Contains(page, "The last run that built anything") {
		t.Errorf("the report is\n%s", page)
	}
	next := c.must(t, "deb", "-o", "out", "--version", "2")
	if got := elsewhere.must(t, "diff", made, next); !strings.Contains(got, "Version") || strings.Contains(got, "component") {
		t.Errorf("diff printed\n%s", got)
	}
	for _, args := range [][]string{{"sbom", "a", "b"}, {"sbom", filepath.Join(c.dir, "envbuild.yaml")}, {"sbom", "absent.deb"}} {
		if got := elsewhere.run(args...); got.code == 0 || got.stdout != "" {
			t.Error(got)
		}
	}
}

func readBOM(t *testing.T, text string) *cdx.BOM {
	t.Helper()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(strings.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	return &bom
}
