package report

import (
	"testing"

	"github.com/envbuild/envbuild/pkgspec"
)

// TestLockSnapshot loses nothing where two languages have one name.
func TestLockSnapshot(t *testing.T) {
	pins := func(language, version string) pkgspec.LanguageLock {
		return pkgspec.LanguageLock{
			Language: language, Runtime: pkgspec.RuntimePin{Version: version},
			Distributions: []pkgspec.Pin{{ID: "uri", Name: "uri", Version: version, License: language}},
		}
	}
	snapshot := func(second string) Snapshot {
		return lockSnapshot(&pkgspec.Lock{Languages: []pkgspec.LanguageLock{pins("kit", "1"), pins("toy", second)}})
	}
	s := snapshot("1")
	if len(s.Components) != 4 || len(s.Fields) != 2 || s.Fields["licence of toy:uri"] != "toy" {
		t.Errorf("%+v", s)
	}
	changes := Diff(s, snapshot("2"))
	if len(changes) != 2 || changes[0].Name != "toy" || changes[1].Name != "toy:uri" || changes[1].New != "2" {
		t.Errorf("%+v", changes)
	}
}
