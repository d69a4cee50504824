package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/system"
)

func TestDiagnoseHere(t *testing.T) {
	dir := t.TempDir()
	for _, c := range Diagnose(context.Background(), DiagnoseOptions{System: system.Open("/"), Cache: filepath.Join(dir, "not/yet"), View: "/c/v/0"}) {
		if c.State == Missing {
			t.Errorf("%+v", c)
		}
		if c.State == Fine && (c.Hint != "" || c.Apt != nil) {
			t.Errorf("advice without need: %+v", c)
		}
	}
}

func TestDiagnoseFaults(t *testing.T) {
	if c := checkView("/" + strings.Repeat("x", 60)); c.State != Weak || c.Hint == "" {
		t.Errorf("a long path: %+v", c)
	}
	if c := checkCache(DiagnoseOptions{System: system.Open("/"), CacheErr: errors.New("no")}); c.State != Missing || c.Hint == "" {
		t.Errorf("no cache: %+v", c)
	}
	if c := checkSystem(system.Open("/no/such")); c.State != Missing || c.Hint == "" {
		t.Errorf("no Debian: %+v", c)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), []byte("Package: a\nStatus: install ok installed\nVersion: 1.0\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := checkPackages([]string{"b", "a", "b"}, system.Open(root))
	if len(got) != 2 || got[0].State != Fine || got[0].Detail != "1.0" || got[1].State != Missing || got[1].Apt[0] != "b" {
		t.Errorf("packages: %+v", got)
	}
}
