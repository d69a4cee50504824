package service

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"github.com/envbuild/envbuild/build/lang/perl"
	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/skiptest"
	"github.com/envbuild/envbuild/pkgspec"
)

var update = flag.Bool("update", false, "write the golden files")

// spec has a service of every kind, and values that some format mangles.
const spec = `
name: web-notes
version: 1.0.0
maintainer: A <a@example.org>
description: A "notebook" of 100% \ $HOME
runtime: {perl: "5.36.0"}
env:
  PLACK_PORT: "80"
  HOSTILE: "it's \"$$x\" 100% \\ ;#"
services:
  web:
    run: [script/web, "it's", "a \"b\" $$(touch pwned) 100% \\ é", "${HOSTILE}", ""]
    listen: 127.0.0.1:${PLACK_PORT}
    hot: {interval: 3, signal: QUIT, restart_on_runtime: true}
    user: webapp
    env: {PLACK_ENV: "two\nlines"}
  worker: {run: [script/worker, "${SERVICE_INSTANCE}"], restart: on-failure, instances: 2, user: webapp}
  mailer: {run: [script/mailer], user: www-data, restart: no}
  nightly: {run: [script/report], schedule: "Mon..Fri 03:30", user: reporter, group: adm}
`

func input(t testing.TB, text string, paths Paths, formats ...pkgspec.ServiceFormat) Input {
	t.Helper()
	s, err := pkgspec.Parse("envbuild.yaml", []byte(text), pkgspec.Perl())
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		Name: s.Name, Description: s.Description, Paths: paths, Services: s.Services, Formats: formats,
		Pinned: []env.Var{
			env.Literals("PROJECT_BASE", env.Set, paths.Base),
			env.Literals("PATH", env.Prepend, filepath.Join(paths.Release, "local/bin"), filepath.Join(paths.Release, "runtime/bin")),
			env.Literals("PERL5LIB", env.Path, filepath.Join(paths.Release, "local/lib/perl5")),
		},
		Env: s.Env, Runtime: "0123456789abcdef", Master: hotDeployer(),
	}
}

// hotDeployer is perl's.
func hotDeployer() *Master {
	m := Master(perl.New().HotDeployer())
	return &m
}

func releases() Paths {
	const prefix = "/opt/web-notes"
	return Paths{
		Prefix: prefix, Release: prefix + "/releases/1.0.0-1", Current: prefix + "/current", Base: prefix + "/releases/1.0.0-1/app",
	}
}

func must(t testing.TB, in Input) *Files {
	t.Helper()
	out, err := New(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// listing writes all that a package ships as one text.
func listing(f *Files) []byte {
	var b bytes.Buffer
	section := func(title string, text []byte) {
		b.WriteString("==== " + title + "\n")
		b.Write(text)
	}
	for _, file := range slices.Concat(f.Release, f.System) {
		if strings.HasSuffix(file.Path, ".rc") {
			file.Content = nil // package env has goldens of these
		}
		title := file.Path + " " + file.Mode.String()
		if file.Config {
			title += " conffile"
		}
		section(title, file.Content)
	}
	for _, part := range parts(f.Scripts) {
		section(part.name, []byte(part.text))
	}
	section("depends", []byte(strings.Join(f.Depends, "\n")+"\n"))
	return b.Bytes()
}

type part struct{ name, text string }

func parts(s Scripts) []part {
	return []part{{"preinst", s.PreInst}, {"postinst, before", s.Prepare}, {"postinst, after", s.Activate}, {"prerm", s.PreRm}, {"postrm", s.PostRm}}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it), %v; got:\n%s", file, err, got)
	}
}

func TestGoldens(t *testing.T) {
	in := input(t, spec, releases())
	for name, formats := range map[string][]pkgspec.ServiceFormat{
		"systemd": {pkgspec.Systemd}, "supervisord": {pkgspec.Supervisord}, "runit": {pkgspec.Runit}, "upstart": {pkgspec.Upstart},
		"all": {pkgspec.Systemd, pkgspec.Supervisord, pkgspec.Runit, pkgspec.Upstart},
	} {
		in.Formats = formats
		out := must(t, in)
		if name != "systemd" {
			out.Release = nil // the same for all
		}
		golden(t, name+".golden", listing(out))
	}
	in.Services, in.Formats = nil, []pkgspec.ServiceFormat{pkgspec.Systemd}
	golden(t, "none.golden", listing(must(t, in)))
}

// TestManagers wants a manager for each name that the spec takes.
func TestManagers(t *testing.T) {
	var ours, specs []pkgspec.ServiceFormat
	for _, m := range managers() {
		ours = append(ours, m.name)
	}
	for _, m := range pkgspec.ServiceManagers() {
		specs = append(specs, m.Name)
	}
	slices.Sort(ours)
	slices.Sort(specs)
	if !slices.Equal(ours, specs) {
		t.Errorf("managers %q, the spec's are %q", ours, specs)
	}
}

func TestHotWithoutMaster(t *testing.T) {
	in := input(t, spec, releases(), pkgspec.Systemd)
	in.Master = nil
	var refused *RefuseHotError
	if _, err := New(in); !errors.As(err, &refused) || refused.Service != "web" {
		t.Errorf("got %v", err)
	}
	in.Services = in.Services[1:]
	if text := listing(must(t, in)); bytes.Contains(text, []byte("start_server")) {
		t.Errorf("%s", text)
	}
}

// shellcheck reads a POSIX shell file as strictly as a person would.
func shellcheck(t *testing.T, name string, text []byte) {
	t.Helper()
	cmd := exec.Command("shellcheck", "--shell=sh", "--exclude=SC1091", "-")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// TestShells parses every shell file and part of a maintainer script.
func TestShells(t *testing.T) {
	skiptest.Without(t, "shellcheck")
	in := input(t, spec, releases(), pkgspec.Systemd, pkgspec.Supervisord, pkgspec.Runit, pkgspec.Upstart)
	in.RuntimePackage = "envbuild-perl-5.36-01234567"
	out := must(t, in)
	parse := func(name string, text []byte) {
		if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(bytes.NewReader(text), name); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(name, ".rc") {
			shellcheck(t, name, text)
		}
	}
	for _, f := range append(out.Release, out.System...) {
		if bytes.HasPrefix(f.Content, []byte("#!/bin/sh\n")) || strings.HasSuffix(f.Path, ".rc") {
			parse(f.Path, f.Content)
		}
	}
	for _, p := range parts(out.Scripts) {
		parse(p.name, []byte(p.text))
	}
}

// TestStateDirectories gives each user and group a directory, and each user one home.
func TestStateDirectories(t *testing.T) {
	in := input(t, `
name: app+x
runtime: {perl: "5.36.0"}
services:
  job: {run: [x], user: root}
  web: {run: [x], user: a, group: b}
  other: {run: [x], user: a}
  again: {run: [x], user: a, group: b}
  third: {run: [x], user: c, group: d}
  fourth: {run: [x], user: c, group: e}
  last: {run: [x], user: root, group: adm}
`, releases(), pkgspec.Systemd)
	p := newPackageData(in)
	var got []string
	for _, u := range p.Services {
		got = append(got, u.Name+"="+u.StateName)
	}
	want := "job=app+x-root web=app+x other=app+x-a.a again=app+x third=app+x-c fourth=app+x-c.e last=app+x-root.adm"
	if strings.Join(got, " ") != want {
		t.Errorf("directories %q", got)
	}
	got = nil
	for _, u := range p.SysUsers {
		got = append(got, u.User+"="+u.Name)
	}
	if strings.Join(got, " ") != "a=app+x c=app+x-c" {
		t.Errorf("users %q", got)
	}
	// A plus sign isn't allowed in the name of a unit.
	for _, f := range must(t, in).System {
		if strings.HasPrefix(f.Path, unitDir) && strings.Contains(filepath.Base(f.Path), "+") {
			t.Errorf("unit %s", f.Path)
		}
	}
}
