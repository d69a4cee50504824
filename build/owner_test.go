package build

import (
	"slices"
	"testing"
)

// TestPackageOwners reads this machine's dpkg database.
func TestPackageOwners(t *testing.T) {
	p := newPackageOwners("/")
	got, err := p.of("libc.so.6")
	if err != nil || !slices.Contains(got, "libc6") {
		t.Errorf("libc.so.6 belongs to %v, %v", got, err)
	}
	if got, _ := p.of("libnothing.so.1"); got != nil {
		t.Errorf("libnothing.so.1 belongs to %v", got)
	}
	if !p.dependsOn("libc6-dev", "libc6") || p.dependsOn("libc6", "libc6-dev") {
		t.Error("dependencies of libc6-dev are wrong")
	}
}
