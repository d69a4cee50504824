package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envbuild/envbuild/build/lang/perl"
	"github.com/envbuild/envbuild/deb"
	"github.com/envbuild/envbuild/deploy/service"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/pkgspec"
)

// TestServicesLintian packages services of every kind. Every package with content
// below /opt gets the tags that are left out here.
func TestServicesLintian(t *testing.T) {
	skiptest.Without(t, "lintian")
	spec, err := pkgspec.Parse("envbuild.yaml", []byte(`
name: web-sample
description: a sample
runtime: {perl: 5.36.0}
services:
  web: {run: [x], listen: 80, hot: {restart_on_runtime: true}}
  worker: {run: [x], instances: 3, user: other, group: adm}
  nightly: {run: [x], schedule: daily}
  plain: {run: [x], user: www-data}
`), pkgspec.Perl())
	if err != nil {
		t.Fatal(err)
	}
	layout := newLayout(nil, nil, "/opt/web-sample")
	layout.installed = true
	master := service.Master(perl.New().HotDeployer())
	tree, err := NewTree(TreeInput{
		Spec: spec, Layout: layout, Master: &master, Pinned: []env.Var{env.Literals("PROJECT_BASE", env.Set, layout.Base)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	req := deb.Request{
		Meta: deb.Meta{
			Name: spec.Name, Version: "1.0-1", Arch: "all", Maintainer: "A <a@example.org>", Description: "some services\n of all kinds",
			Depends: tree.services.Depends,
		},
		Entries: slices.Concat(tree.services.Release, tree.services.System), Scripts: tree.scripts, SourceDate: time.Unix(1700000000, 0), Compression: "gzip",
	}
	if err := deb.Write(t.Context(), req, &b); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), deb.FileName(req.Meta))
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	expected := []string{
		"dir-or-file-in-opt", "initial-upload-closes-no-bugs", "bogus-mail-host", "bogus-mail-host-in-debian-changelog",
		"no-manual-page", "changelog-file-missing-explicit-entry",
	}
	out, _ := exec.Command("lintian", "--allow-root", "--pedantic", "--fail-on", "none", name).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) < 3 || !slices.Contains(expected, fields[2]) {
			t.Error(line)
		}
	}
}
