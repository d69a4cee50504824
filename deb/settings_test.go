package deb

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/deb/reader"
	"github.com/envbuild/envbuild/pkgspec"
)

// settings reads the keys of a package section, which begins on line 6.
func settings(t *testing.T, dir, section string) (*Settings, error) {
	t.Helper()
	text := "name: web-sample\nmaintainer: Ops Team <ops@example.org>\ndescription: sample\nruntime: {perl: \"~5.36\"}\npackage:\n" + section
	spec, err := pkgspec.Parse(filepath.Join(dir, pkgspec.SpecName), []byte(text), pkgspec.Perl())
	if err != nil {
		t.Fatal(err)
	}
	return ReadSettings("envbuild.yaml", dir, spec.Package.Nfpm)
}

// project is a checkout with files to package.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"post.sh": "#!/bin/sh\necho user\n", "post.pl": "#!/usr/bin/perl\nprint 1;\n", "plain": "echo plain\n",
		"conf/a.conf": "a\n", "conf/b.conf": "b\n", "conf/sub/c.txt": "c\n", "tree/x/y": "y\n", "tree/run": "#!/bin/sh\n",
		"changes.yaml": "- semver: 1.4.0\n  date: 2024-02-29T00:00:00Z\n  packager: Ops <ops@example.org>\n  changes:\n    - note: first\n",
	} {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(filepath.Join(dir, "tree/run"), 0o700), os.Symlink("/etc", filepath.Join(dir, "tree/link"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSettings(t *testing.T) {
	s, err := settings(t, project(t), `  section: web
  priority: extra
  recommends: [logrotate]
  conflicts: ["web-old (<< 2)"]
  license: MIT
  epoch: 2
  scripts: {postinstall: post.sh}
  rpm: {group: Unspecified}
  deb:
    predepends: [adduser]
    breaks: ["other (<< 1.0~)"]
    compression: gzip
    fields: {Bugs: "https://example.org/bugs", Multi-Arch: foreign}
    triggers: {activate_noawait: [ldconfig]}
  overrides:
    deb: {recommends: [rsyslog]}
  contents:
    - {src: "conf/*.conf", dst: /etc/web-sample/, type: config}
    - {src: tree, dst: /usr/share/web-sample, type: tree}
    - {dst: /var/lib/web-sample, type: dir, file_info: {mode: 02770, owner: www-data, group: www-data}}
    - {src: /usr/share/web-sample/run, dst: /usr/bin/web-sample, type: symlink}
    - {src: plain, dst: /usr/share/web-sample/plain, file_info: {mode: 0600}}
    - {src: plain, dst: /rpm-only, packager: rpm}
`)
	if err != nil {
		t.Fatal(err)
	}
	req := sample(t)
	req.Settings, req.Scripts.PostInst = s, "echo ours\n"
	pkg, err := reader.Reader{}.Read(bytes.NewReader(build(t, req)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"Version": "2:1.4.0-1~bookworm1", "Section": "web", "Priority": "extra", "Recommends": "rsyslog",
		"Conflicts": "web-old (<< 2)", "Pre-Depends": "adduser", "Breaks": "other (<< 1.0~)",
		"Bugs": "https://example.org/bugs", "Multi-Arch": "foreign",
	} {
		if got := pkg.Field(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	for member, want := range map[string]string{
		"postinst": "#!/bin/sh\nset -e\necho ours\necho user\n", "triggers": "activate-noawait ldconfig\n",
		"conffiles": "/etc/web-sample/a.conf\n/etc/web-sample/b.conf\n/etc/web-sample/env\n",
	} {
		if got := string(pkg.Members[member]); got != want {
			t.Errorf("%s: %q", member, got)
		}
	}
	files := map[string]reader.File{}
	for _, f := range pkg.Files {
		files[f.Path] = f
	}
	for p, mode := range map[string]fs.FileMode{
		"/etc/web-sample/a.conf": 0o644, "/usr/share/web-sample/x/y": 0o644, "/usr/share/web-sample/run": 0o755,
		"/usr/share/web-sample/x": fs.ModeDir | 0o755, "/usr/share/web-sample/link": fs.ModeSymlink | 0o777,
		"/var/lib/web-sample": fs.ModeDir | fs.ModeSetgid | 0o770, "/usr/bin/web-sample": fs.ModeSymlink | 0o777,
		"/usr/share/web-sample/plain": 0o600,
	} {
		if f, ok := files[p]; !ok || f.Mode != mode {
			t.Errorf("%s: %v, %v", p, ok, f.Mode)
		}
	}
	if f := files["/var/lib/web-sample"]; f.Owner != "www-data" || f.Group != "www-data" {
		t.Errorf("owner %s, group %s", f.Owner, f.Group)
	}
	if f := files["/usr/share/web-sample/link"]; f.Target != "/etc" {
		t.Errorf("link to %q", f.Target)
	}
	if _, ok := files["/rpm-only"]; ok {
		t.Error("an entry for rpm is there")
	}
}

func TestChangelogSetting(t *testing.T) {
	s, err := settings(t, project(t), "  changelog: changes.yaml\n")
	if err != nil {
		t.Fatal(err)
	}
	req := sample(t)
	req.Settings = s
	if got := tool(t, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar xO ./usr/share/doc/web-sample/changelog.Debian.gz | gzip -d`, "sh", save(t, req)); !strings.Contains(got, "* first") {
		t.Errorf("changelog %q", got)
	}
}

func TestNoSettings(t *testing.T) {
	if s, err := settings(t, t.TempDir(), "  revision: 3\n"); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestSettingErrors(t *testing.T) {
	dir := project(t)
	for _, c := range []struct{ section, want string }{
		{"  section: web\n  deb:\n    fieldz: {A: b}\n", `8:5: package.deb has no key "fieldz"`},
		{"  recommends: nginx\n", "6:15: package.recommends is a list"},
		{"  scripts: [a]\n", "6:12: package.scripts is a map"},
		{"  contents: [{src: plain, dst: /a, file_info: {mode: rwx}}]\n", "package.contents.file_info.mode is a number"},
		{"  section: {a: b}\n", "6:12: package.section is a text"},
		{"  arch: arm64\n", "6:9: package.arch is that of the compiled files"},
		{"  overrides: {deb: {deb: {arch: arm64}}}\n", "package.deb.arch is that"},
		{"  deb: {signature: {key_file: k}}\n", "package.deb.signature can't be kept"},
		{"  recommends: [\"a >= 1\"]\n", "6:15: the package's recommends"},
		{"  deb:\n    breaks: [\"-a\"]\n", "7:13: the package's breaks"},
		{"  deb: {fields: {Depends: evil}}\n", "has a key of its own"},
		{"  deb: {fields: {X-A: \"b\\nEssential: yes\"}}\n", "has a value with a line"},
		{"  deb: {compression: brotli}\n", "the package's compression"},
		{"  scripts: {postinstall: none.sh}\n", "6:26: package.scripts.postinstall: open"},
		{"  changelog: none.yaml\n", "6:14: package.changelog: stat"},
		{"  contents: [{src: none, dst: /a}]\n", "package.contents: "},
		{"  contents:\n    - {src: plain}\n", "no destination"},
		{"  contents: [{src: plain, dst: /a, expand: true}]\n", "depend on the environment"},
		{"  contents: [{src: plain, dst: /a, file_info: {mtime: 2024-01-01T00:00:00Z}}]\n", "mtime is decided"},
		{"  contents: [{src: plain, dst: /a, type: socket}]\n", "invalid content type"},
	} {
		_, err := settings(t, dir, c.section)
		var at *SettingError
		if !errors.As(err, &at) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "envbuild.yaml:") {
			t.Errorf("%s: %v", c.section, err)
		}
	}
}

func TestJoinScript(t *testing.T) {
	for _, c := range []struct{ ours, users, want string }{
		{"", "", ""},
		{"a\n", "", "#!/bin/sh\nset -e\na\n"},
		{"", "#!/usr/bin/perl\n1;\n", "#!/usr/bin/perl\n1;\n"},
		{"", "b\n", "#!/bin/sh\nset -e\nb\n"},
		{"a\n", "b\n", "#!/bin/sh\nset -e\na\nb\n"},
		{"a\n", "#!/bin/sh -e\nb\n", "#!/bin/sh\nset -e\na\nb\n"},
		{"a\n", "#!/usr/bin/perl\n1;\n", "error"},
		{"a\n", "#! /bin/bash\nb\n", "error"},
	} {
		got, err := joinScript("postinst", c.ours, c.users)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%q and %q: %q, %v", c.ours, c.users, got, err)
		}
	}
}

// FuzzSettings reads what a package section may hold, as far as that is looked at
// before nfpm decodes it.
func FuzzSettings(f *testing.F) {
	f.Add("  section: web\n  deb: {compression: \"zstd:19\"}\n  contents: [{src: a, dst: /a}]\n")
	f.Add("  scripts: {postinstall: x}\n  overrides: {deb: {depends: [a]}}\n")
	f.Add("  deb: {fields: {A: 1}}\n  changelog: [\n")
	f.Fuzz(func(t *testing.T, section string) {
		text := "name: a\nruntime: {perl: \"5\"}\npackage:\n" + section
		spec, err := pkgspec.Parse(pkgspec.SpecName, []byte(text), pkgspec.Perl())
		if err != nil || spec.Package.Nfpm == nil {
			return
		}
		r := &settingsReader{pkgspec.SpecName, t.TempDir()}
		err = errors.Join(r.shape(spec.Package.Nfpm), r.refuse(spec.Package.Nfpm))
		if err != nil && !strings.Contains(err.Error(), pkgspec.SpecName) {
			t.Errorf("an error without its place: %v", err)
		}
	})
}
