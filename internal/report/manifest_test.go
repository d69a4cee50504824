package report

import (
	"encoding/json"
	"testing"

	"github.com/envbuild/envbuild/internal/digest"
	"github.com/envbuild/envbuild/pkgspec"
)

func TestManifest(t *testing.T) {
	pins := pkgspec.LanguageLock{
		Language: "perl",
		Runtime:  pkgspec.RuntimePin{Version: "5.36.0", Sources: []pkgspec.SourcePin{{Path: "perl-5.36.0.tar.xz"}}},
		Distributions: []pkgspec.Pin{
			{Name: "Moo", Version: "2.005005", Sources: []pkgspec.SourcePin{{Path: "H/HA/HAARG/Moo-2.005005.tar.gz", SHA256: digest.Sum(nil)}}},
		},
	}
	made := NewManifest("web", "1.0", digest.Sum([]byte("lock")))
	made.Add(pins, func(pin *pkgspec.Pin) string {
		if pin == nil {
			return "id of the runtime"
		}
		return "id of " + pin.Name
	})
	data, err := made.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Languages) != 1 {
		t.Fatalf("manifest %s", data)
	}
	is := m.Languages[0]
	if is.Runtime.Output != "id of the runtime" || len(is.Distributions) != 1 || is.Distributions[0].SHA256 != digest.Sum(nil).String() ||
		is.Distributions[0].Output != "id of Moo" {
		t.Errorf("manifest %s", data)
	}
}
