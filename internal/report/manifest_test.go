package report

import (
	"encoding/json"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

func TestManifest(t *testing.T) {
	lock := &pkgspec.Lock{
		Runtime: pkgspec.RuntimePin{Language: "perl", Version: "5.36.0", Source: pkgspec.SourcePin{Path: "perl-5.36.0.tar.xz"}},
		Distributions: []pkgspec.Pin{
			{Name: "Moo", Version: "2.005005", Source: pkgspec.SourcePin{Path: "H/HA/HAARG/Moo-2.005005.tar.gz", SHA256: digest.Sum(nil)}},
		},
	}
	data, err := NewManifest("web", "1.0", lock, func(step string) string { return "id of " + step }).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if m.Runtime.Output != "id of perl" || len(m.Distributions) != 1 || m.Distributions[0].SHA256 != digest.Sum(nil).String() {
		t.Errorf("manifest %s", data)
	}
}
