package deb

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/internal/tree"
)

// expectedTags are what lintian says of every package of this kind, with why it
// stays. Everything else is a fault.
var expectedTags = map[string]string{
	"initial-upload-closes-no-bugs":         "the package isn't for Debian",
	"no-manual-page":                        "programs below /opt have none",
	"bogus-mail-host-in-debian-changelog":   "the sample's address is one for examples",
	"bogus-mail-host":                       "the sample's address is one for examples",
	"changelog-file-missing-explicit-entry": "there was no version before",
}

// TestLintian packages as xz: lintian of Debian 12 calls the data.tar.zst that its
// dpkg reads a malformed archive.
func TestLintian(t *testing.T) {
	skiptest.Without(t, "lintian")
	req := Request{
		Meta: sampleMeta(), SourceDate: sourceDate, Compression: "xz", XZ: xzPath,
		Scripts: Scripts{PostInst: "true\n"},
		Entries: []tree.Entry{
			{Path: "/opt/web-sample/bin/run", Mode: 0o755, Content: []byte("#!/bin/sh\nexit 0\n")},
			{Path: "/opt/web-sample/current", Kind: tree.Symlink, Target: "bin"},
			{Path: "/etc/web-sample/env", Config: true, Content: []byte("A=1\n")},
		},
	}
	out, _ := exec.Command("lintian", "--allow-root", "--fail-on", "none", save(t, req)).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "N: ") && strings.Contains(line, "overridden") {
			continue // what the package's own overrides say
		}
		// "E: web-sample: tag details"
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasSuffix(fields[1], ":") || expectedTags[fields[2]] == "" {
			t.Error(line)
		}
	}
}
