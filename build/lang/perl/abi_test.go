package perl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sampleConfig is what Config_heavy.pl looks like around what matters.
func sampleConfig(changes ...string) string {
	var b strings.Builder
	b.WriteString("our $summary = <<'!END!';\n  usethreads=$usethreads\n!END!\n$_ = <<'!END!';\n")
	values := map[string]string{
		"api_revision": "5", "api_version": "36", "version": "5.36.0", "archname": "x86_64-linux",
		"ccflags": "-fwrapv -pipe -fstack-protector-strong -D_LARGEFILE_SOURCE -D_FORTIFY_SOURCE=2",
	}
	for i := 0; i < len(changes); i += 2 {
		values[changes[i]] = changes[i+1]
	}
	for _, name := range append(abiSettings(), "api_revision", "api_version", "version", "ccflags") {
		value, ok := values[name]
		if !ok {
			value = "undef"
		}
		if value != "-" {
			b.WriteString(name + "='" + value + "'\n")
		}
	}
	b.WriteString("config_args='-Dx\n-Dy'\ncppsymbols='" + strings.Repeat("A=1 ", 50000) + "'\n!END!\n")
	return b.String()
}

func TestRuntimeABI(t *testing.T) {
	plain, err := parseABI("Config", []byte(sampleConfig()))
	if err != nil {
		t.Fatal(err)
	}
	if plain.Series != "5.36" || !slices.Contains(plain.Settings, "archname=x86_64-linux") ||
		!slices.Contains(plain.Settings, "-D_LARGEFILE_SOURCE") || !slices.IsSorted(plain.Settings) {
		t.Errorf("%+v", plain)
	}
	for _, c := range []struct {
		name    string
		same    bool
		changes []string
	}{
		{"another release of the series", true, []string{"version", "5.36.3"}},
		{"hardening", true, []string{"ccflags", "-D_LARGEFILE_SOURCE -D_FORTIFY_SOURCE=3 -fcf-protection=full"}},
		{"threads", false, []string{"usethreads", "define"}},
		{"long doubles", false, []string{"nvtype", "long double"}},
		{"debugging", false, []string{"ccflags", "-D_LARGEFILE_SOURCE -DDEBUGGING"}},
		{"another architecture", false, []string{"archname", "aarch64-linux"}},
	} {
		abi, err := parseABI("Config", []byte(sampleConfig(c.changes...)))
		if err != nil {
			t.Fatal(err)
		}
		if abi.Series != "5.36" || slices.Equal(abi.Settings, plain.Settings) != c.same {
			t.Errorf("%s: %+v", c.name, abi)
		}
	}
	if abi, err := parseABI("Config", []byte(sampleConfig("api_version", "37", "version", "5.37.4"))); abi.Series != "5.37.4" {
		t.Errorf("a development release: %+v %v", abi, err)
	}
	if _, err := parseABI("Config", []byte(sampleConfig("ivsize", "-"))); err == nil || !strings.Contains(err.Error(), "no ivsize") {
		t.Errorf("without ivsize: %v", err)
	}
}

func TestRuntimeABIFile(t *testing.T) {
	tree := t.TempDir()
	if _, err := New().RuntimeABI(tree); err == nil {
		t.Error("an empty tree has an ABI")
	}
	file := filepath.Join(tree, "lib/perl5/5.36.0/x86_64-linux/Config_heavy.pl")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(sampleConfig()), 0o644); err != nil {
		t.Fatal(err)
	}
	if abi, err := New().RuntimeABI(tree); err != nil || abi.Series != "5.36" {
		t.Errorf("%+v, %v", abi, err)
	}
}
