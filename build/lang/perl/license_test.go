package perl

import "testing"

func TestLicenseOf(t *testing.T) {
	for _, c := range []struct{ meta, want string }{
		{`{}`, ""},
		{`{"license": "perl"}`, perlLicense},
		{`{"license": ["unknown"]}`, ""},
		{`{"license": ["perl_5"]}`, perlLicense},
		{`{"license": ["perl_5", "perl"]}`, perlLicense},
		{`{"license": ["mit", "perl_5", "unknown"]}`, "MIT AND (" + perlLicense + ")"},
		{`{"license": ["perl_5"], "x_spdx_expression": "Artistic-2.0"}`, "Artistic-2.0"},
		{`{"license": ["perl_5"], "x_spdx_expression": "see LICENSE"}`, perlLicense},
		{`{"license": {"a": 1}}`, ""},
		{`{"license": ["restrictive"]}`, "LicenseRef-CPAN-restricted"},
	} {
		m, err := parseMetaJSON([]byte(c.meta))
		if err != nil || m.License != c.want {
			t.Errorf("%s: %q %v", c.meta, m.License, err)
		}
	}
}

func TestIsSPDX(t *testing.T) {
	for s, want := range map[string]bool{
		"MIT": true, "GPL-2.0+": true, "(MIT OR Apache-2.0) AND LicenseRef-x": true, "GPL-2.0-only WITH Classpath-exception-2.0": true,
		"DocumentRef-a:LicenseRef-b": true,
		"":                           false, "MIT OR": false, "OR": false, "MIT MIT": false, "(MIT": false, "MIT)": false, "a/b": false, "()": false, "MIT\nOR": false,
	} {
		if isSPDX(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	for word, e := range cpanLicenses() {
		if !isSPDX(e) {
			t.Errorf("%s: %s", word, e)
		}
	}
}
