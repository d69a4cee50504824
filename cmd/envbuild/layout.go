package main

import (
	"path/filepath"

	"github.com/envbuild/envbuild/pkgspec"
)

// layout says where things stand on a server that has the package, with all
// files in place (releases: 0).
type layout struct {
	prefix   string // the package's folder
	runtime  string // the interpreter
	bundle   string // the distributions
	app      string // the application, if the package ships it
	base     string // PROJECT_BASE
	rc       string
	script   string
	manifest string
}

func newLayout(spec *pkgspec.Spec, prefix string) layout {
	l := layout{
		prefix:   prefix,
		runtime:  filepath.Join(prefix, runtimeFolder),
		bundle:   filepath.Join(prefix, bundleFolder),
		app:      filepath.Join(prefix, "app"),
		base:     prefix,
		rc:       filepath.Join(prefix, "env.rc"),
		script:   filepath.Join(prefix, "env.sh"),
		manifest: filepath.Join(prefix, "manifest.json"),
	}
	if spec.App != nil {
		switch {
		case len(spec.App.Files) > 0:
			l.base = l.app
		case spec.App.Base != "":
			l.base = spec.App.Base
		}
	}
	return l
}
