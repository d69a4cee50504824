// Package release describes a package that keeps several releases on a server:
// where things stand, the command that switches between them, and the parts of
// the maintainer scripts that put a release in its place.
//
// dpkg owns a copy of the newest release at a place that every version has. The
// postinst links its files to places of their own, which no other version
// touches:
//
//	PREFIX/package/{bundle,release}  dpkg's copy
//	PREFIX/package.old-VERSION       the previous version's, during an upgrade
//	PREFIX/bundle/ID                 what releases depend on
//	PREFIX/releases/VERSION          a release; its "bundle" is a symlink
//	PREFIX/current                   the symlink to the release that runs
//
// So running processes keep their files until they end, and plain apt-get
// upgrades. The texts are in templates/; docs/server.md tells an administrator
// about them, docs/adr/0004-releases-are-links.md why they are so.
package release

import (
	"path"
	"strings"
	"time"

	"github.com/envbuild/envbuild/templates"
)

// What stands below the prefix. The templates name it, too.
const (
	packageDir  = "package"
	bundleDir   = "bundle"
	releasesDir = "releases"
	releaseDir  = "release"
	currentLink = "current"
	checkFile   = "check"
	// asidePrefix begins the name of the directory in which the previous version's
	// copy waits while dpkg unpacks the next. That version ends the name.
	asidePrefix = "package.old-"
)

// Release is one version of a package as it stands on a server.
type Release struct {
	// Package is the Debian package's name.
	Package string
	// Prefix is the directory that the package owns: letters, digits and / . _ + -.
	Prefix string
	// Version names the release: the package's whole version, without an epoch, so
	// that two packages never have one release.
	Version string
	// BundleID names the bundle by its content.
	BundleID string
	// Keep is how many releases stay, at least 1.
	Keep int
	// Interpreter is the absolute path of the runtime's program that runs an empty
	// script, on the server; empty if there is none.
	Interpreter string
}

// Bundle is the directory of the dependencies.
func (r Release) Bundle() string { return path.Join(r.Prefix, bundleDir, r.BundleID) }

// Dir is the directory of the release.
func (r Release) Dir() string { return path.Join(r.Prefix, releasesDir, r.Version) }

// Current is the path by which services reach whatever release is current.
func (r Release) Current() string { return path.Join(r.Prefix, currentLink) }

// BundleLink is the symlink from a release to its bundle: its path and its target.
// The target leads to the bundle from dpkg's copy as well.
func (r Release) BundleLink() (at, target string) {
	return path.Join(r.Dir(), bundleDir), path.Join("..", "..", bundleDir, r.BundleID)
}

// CheckPath is where the release has the program that tells whether it can run.
func (r Release) CheckPath() string { return path.Join(r.Dir(), checkFile) }

// Packaged returns where dpkg keeps the file that is at the path on the server.
// Paths outside of the release and its bundle are their own.
func (r Release) Packaged(p string) string {
	for _, at := range []struct{ placed, packaged string }{
		{r.Bundle(), path.Join(r.Prefix, packageDir, bundleDir)},
		{r.Dir(), path.Join(r.Prefix, packageDir, releaseDir)},
	} {
		if p == at.placed || strings.HasPrefix(p, at.placed+"/") {
			return at.packaged + strings.TrimPrefix(p, at.placed)
		}
	}
	return p
}

// Command is the name of the command that shows and switches releases.
func (r Release) Command() string { return r.Package + "-release" }

// CommandPath is where the package has the command.
func (r Release) CommandPath() string { return "/usr/sbin/" + r.Command() }

// ManualPath is where the package has the command's manual page, which is to be
// compressed by gzip.
func (r Release) ManualPath() string { return "/usr/share/man/man8/" + r.Command() + ".8.gz" }

// templateData is what the templates see. Nothing in them needs quotes: the rules for
// names, prefixes and versions leave no character that means something to a shell
// or to roff, but for the hyphens of a manual page.
type templateData struct {
	Package, Prefix, Release, Command, Title, Date string
	Copy, Aside, Dir, Interpreter                  string
	Keep                                           int
	Reload                                         string
}

func (r Release) templateData() templateData {
	return templateData{
		Package: r.Package, Prefix: r.Prefix, Release: r.Version, Command: r.Command(), Keep: r.Keep,
		Copy: path.Join(r.Prefix, packageDir), Aside: path.Join(r.Prefix, asidePrefix),
		Dir: r.Dir(), Interpreter: r.Interpreter,
	}
}

// Script returns the text of the command. reload is the command line that makes
// the services run what is current; it may be empty.
func (r Release) Script(reload string) ([]byte, error) {
	data := r.templateData()
	if reload != "" {
		data.Reload = "\n\t" + reload + "\n"
	}
	return templates.Render(templates.ReleaseCommand, data)
}

// Check returns the text of the program that exits with 0 if the release can run on
// the machine as it is, and otherwise says what is missing. The release has to have
// env.sh.
func (r Release) Check() ([]byte, error) {
	return templates.Render(templates.ReleaseCheck, r.templateData())
}

// Manual returns the command's manual page, uncompressed.
func (r Release) Manual(date time.Time) ([]byte, error) {
	data := r.templateData()
	data.Title, data.Date = strings.ToUpper(r.Command()), date.UTC().Format(time.DateOnly)
	return templates.Render(templates.ReleaseManual, data)
}

// Parts are parts of maintainer scripts, without a first line. Users and directories
// that the services need are made before Place; the services are reloaded between
// Place and Collect, and stopped before Withdraw.
type Parts struct {
	// Aside moves dpkg's copy of the previous version aside, in the preinst, after
	// everything else in it.
	Aside string
	// Place puts the release in its place and makes it current, in the postinst.
	Place string
	// Collect removes old releases, in the postinst.
	Collect string
	// Withdraw removes what Place made, in the prerm.
	Withdraw string
	// Undo reverts Aside, and removes what is left after a removal, in the postrm.
	Undo string
}

// Parts returns the parts of the maintainer scripts.
func (r Release) Parts() (Parts, error) {
	var p Parts
	for _, t := range []struct {
		name string
		text *string
	}{
		{templates.ReleaseAside, &p.Aside}, {templates.ReleasePlace, &p.Place}, {templates.ReleaseCollect, &p.Collect},
		{templates.ReleaseWithdraw, &p.Withdraw}, {templates.ReleaseUndo, &p.Undo},
	} {
		text, err := templates.Render(t.name, r.templateData())
		if err != nil {
			return p, err
		}
		*t.text = string(text)
	}
	return p, nil
}
