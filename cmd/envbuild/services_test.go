package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envbuild/envbuild/pkgspec"
)

// TestServicesEnvironment finds a service's impossible environment at its line,
// before anything is built.
func TestServicesEnvironment(t *testing.T) {
	c := client{dir: newDir(t), env: append(os.Environ(), "ENVBUILD_CACHE="+filepath.Join(newDir(t), "c"))}
	text := `name: web-sample
maintainer: A <a@example.org>
description: a sample
version: 1.0
runtime: {perl: 5.36.0}
env: {LATER: x}
services:
  web:
    run: [x]
    env: {PERL5LIB: /y}
`
	if err := os.WriteFile(filepath.Join(c.dir, pkgspec.SpecName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	res := c.run("deb")
	if res.code != 2 || !strings.Contains(res.stderr, "envbuild.yaml:10:21: PERL5LIB is set by envbuild") {
		t.Error(res)
	}
}
