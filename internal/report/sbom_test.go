package report

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/xeipuuv/gojsonschema"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/internal/skiptest"
)

func sampleSubject() Subject {
	part := func(name, license string, requires ...string) Part {
		return Part{
			Name: name, Version: "1.0", PURL: "pkg:cpan/ABC/" + name + "@1.0", License: license, Requires: requires,
			Source: "A/AB/ABC/" + name + "-1.0.tar.gz", SHA256: digest.Sum([]byte(name)).String(),
		}
	}
	perl := part("perl", "Artistic-1.0-Perl OR GPL-1.0-or-later")
	perl.Runtime, perl.CPE, perl.Authors = true, "cpe:2.3:a:perl:perl:5.36.0:*:*:*:*:*:*:*", []string{"Larry Wall and others"}
	twin := part("Twin", "MIT")
	twin.PURL = "pkg:cpan/ABC/DBI@1.0"
	return Subject{
		Name: "web-sample", Version: "1.4.0-1", Supplier: "Ops Team <ops@example.org>", Date: time.Date(2024, 2, 29, 12, 0, 0, 0, time.FixedZone("", 3600)),
		Parts: []Part{perl, part("DBI", "LicenseRef-CPAN-open-source"), part("DBD-SQLite", "", "DBI"), part("Plack", "MIT AND (Apache-2.0 OR BSD-3-Clause)", "DBI", "DBD-SQLite"), twin},
	}
}

func TestSBOM(t *testing.T) {
	data, err := SBOM(sampleSubject())
	if err != nil {
		t.Fatal(err)
	}
	again, err := SBOM(sampleSubject())
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("two runs differ: %v", err)
	}
	other := sampleSubject()
	other.Version = "1.4.1-1"
	if changed, _ := SBOM(other); serial(t, changed) == serial(t, data) {
		t.Error("two packages have one serial number")
	}
	validate(t, data)

	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.Metadata.Timestamp != "2024-02-29T11:00:00Z" || len(*bom.Components) != 5 {
		t.Errorf("%+v", bom.Metadata)
	}
	want := map[string]string{
		"subject":                   "pkg:cpan/ABC/DBI@1.0#Twin pkg:cpan/ABC/Plack@1.0 pkg:cpan/ABC/perl@1.0",
		"pkg:cpan/ABC/Plack@1.0":    "pkg:cpan/ABC/DBD-SQLite@1.0 pkg:cpan/ABC/DBI@1.0 pkg:cpan/ABC/perl@1.0",
		"pkg:cpan/ABC/perl@1.0":     "",
		"pkg:cpan/ABC/DBI@1.0":      "pkg:cpan/ABC/perl@1.0",
		"pkg:cpan/ABC/DBI@1.0#Twin": "pkg:cpan/ABC/perl@1.0",
	}
	for _, d := range *bom.Dependencies {
		got := ""
		if d.Dependencies != nil {
			got = strings.Join(*d.Dependencies, " ")
		}
		if w, ok := want[d.Ref]; ok && got != w {
			t.Errorf("%s depends on %s, want %s", d.Ref, got, w)
		}
	}
}

func serial(t *testing.T, data []byte) string {
	t.Helper()
	var doc struct{ SerialNumber string }
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.SerialNumber
}

// validate compares with CycloneDX's own schema, which is in the source of the
// module that writes it.
func validate(t *testing.T, data []byte) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		skiptest.Because(t, "go can't tell where the schema is: %v", err)
	}
	schema := func(name string) gojsonschema.JSONLoader {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "schema", name))
		if err != nil {
			t.Fatal(err)
		}
		return gojsonschema.NewBytesLoader(text)
	}
	loader := gojsonschema.NewSchemaLoader()
	const base = "http://cyclonedx.org/schema/"
	for name, file := range map[string]string{"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		if err := loader.AddSchema(base+name, schema(file)); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := loader.Compile(schema("bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := compiled.Validate(gojsonschema.NewBytesLoader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range res.Errors() {
		t.Error(e)
	}
}
