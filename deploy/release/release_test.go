package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/internal/skiptest"
)

func sample() Release {
	return Release{
		Package: "web-sample", Prefix: "/opt/web-sample", Version: "1.4.0-1~bookworm1", BundleID: "0123456789ab", Keep: 3,
	}
}

func TestPlaces(t *testing.T) {
	r := sample()
	at, target := r.BundleLink()
	for _, c := range []struct{ got, want string }{
		{r.Bundle(), "/opt/web-sample/bundle/0123456789ab"},
		{r.Dir(), "/opt/web-sample/releases/1.4.0-1~bookworm1"},
		{r.Current(), "/opt/web-sample/current"},
		{r.Packaged(r.Bundle() + "/local/bin/plackup"), "/opt/web-sample/package/bundle/local/bin/plackup"},
		{r.Packaged(r.Dir()), "/opt/web-sample/package/release"},
		{r.Packaged(r.Dir() + "0/app"), r.Dir() + "0/app"},
		{r.Packaged("/etc/web-sample/env"), "/etc/web-sample/env"},
		{filepath.Join(filepath.Dir(at), target), r.Bundle()},
		{filepath.Join(filepath.Dir(r.Packaged(at)), target), r.Bundle()},
		{r.CheckPath(), "/opt/web-sample/releases/1.4.0-1~bookworm1/check"},
		{r.CommandPath(), "/usr/sbin/web-sample-release"},
		{r.ManualPath(), "/usr/share/man/man8/web-sample-release.8.gz"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// renderTexts returns all that the package renders, as whole scripts.
func renderTexts(t *testing.T) map[string]string {
	t.Helper()
	r := sample()
	command, err := r.Script("systemctl reload web-sample.target")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := r.Script("")
	if err != nil {
		t.Fatal(err)
	}
	r.Interpreter = r.Bundle() + "/runtime/bin/perl"
	check, err := r.Check()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := r.Parts()
	if err != nil {
		t.Fatal(err)
	}
	const head = "#!/bin/sh\nset -e\n"
	return map[string]string{
		"check": string(check), "command": string(command), "bare": string(bare), "postinst": head + parts.Place + parts.Collect,
		"preinst": head + parts.Aside, "prerm": head + parts.Withdraw, "postrm": head + parts.Undo,
	}
}

func TestShellcheck(t *testing.T) {
	skiptest.Without(t, "shellcheck", "dash")
	for name, text := range renderTexts(t) {
		cmd := exec.Command("shellcheck", "--shell=dash", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		cmd = exec.Command("dash", "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestManual(t *testing.T) {
	text, err := sample().Manual(time.Date(2024, 2, 29, 23, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), ".TH WEB-SAMPLE-RELEASE 8 2024-02-29 web-sample ") {
		t.Errorf("%s", text)
	}
	skiptest.Without(t, "man")
	page := filepath.Join(t.TempDir(), "page.8")
	if err := os.WriteFile(page, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
	cmd.Env = append(os.Environ(), "MANROFFSEQ=", "MANWIDTH=80", "LC_ALL=C.UTF-8")
	var warnings strings.Builder
	cmd.Stderr = &warnings
	if err := cmd.Run(); err != nil || warnings.Len() > 0 {
		t.Errorf("%v %s", err, &warnings)
	}
}
