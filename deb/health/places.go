package health

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/tree"
)

// checkMode refuses what everybody may write, and what runs with the rights of
// its owner or group, unless the spec gives the path a mode.
func (c *checker) checkMode(e tree.Entry) {
	if e.Kind == tree.Symlink || e.Kind == tree.Hardlink || c.req.Asked[e.Path] {
		return
	}
	const hint = "if it is meant to be so, ship it by package.contents with a file_info that has the mode"
	if e.Mode&0o002 != 0 {
		c.fail(e.Path, Mode, hint, "is world-writable (mode %04o)", unixMode(e.Mode))
	}
	if e.Mode&fs.ModeSetuid != 0 {
		c.fail(e.Path, Mode, hint, "is setuid (mode %04o)", unixMode(e.Mode))
	}
	if e.Mode&fs.ModeSetgid != 0 {
		c.fail(e.Path, Mode, hint, "is setgid (mode %04o)", unixMode(e.Mode))
	}
}

// unixMode is a mode as chmod(1) writes it.
func unixMode(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	for bit, unix := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			out |= unix
		}
	}
	return out
}

// wellKnown are the places of every running system that no package lists.
func wellKnown(p string) bool {
	for _, directory := range []string{"/dev", "/proc", "/sys", "/run", "/var/run"} {
		if tree.Within(p, directory) {
			return true
		}
	}
	return slices.Contains([]string{
		"/etc/fstab", "/etc/group", "/etc/hostname", "/etc/hosts", "/etc/localtime", "/etc/machine-id", "/etc/mtab",
		"/etc/passwd", "/etc/resolv.conf", "/etc/timezone",
	}, p)
}

// checkLink refuses a link that leads nowhere.
func (c *checker) checkLink(e tree.Entry) {
	target, ok := c.paths.resolve(e.Path)
	switch {
	case !ok:
		c.fail(e.Path, DeadLink, "one of the links has to lead to a file or directory", "is a link that leads to itself")
	case c.paths.has(target) || wellKnown(target):
	case c.isOwn(target):
		c.fail(e.Path, DeadLink, "ship the file as well, or leave the link out", "is a dead link to %s", e.Target)
	default:
		c.needs(target, func(owner string) {
			if owner != "" {
				c.fail(e.Path, DeadLink, declareHint(owner), "is a link to %s of the Debian package %s, which the spec doesn't declare", target, owner)
				return
			}
			c.fail(e.Path, DeadLink, "ship the file as well, leave the link out, or name the Debian package that has it in package.depends and install it here",
				"is a link to %s, which is neither in the package nor in a declared one", target)
		})
	}
}

func declareHint(owner string) string { return "add " + owner + " to package.depends" }

func (c *checker) isOwn(p string) bool {
	return slices.ContainsFunc(c.req.Prefixes, func(prefix string) bool { return tree.Within(p, prefix) })
}

// checkProgram refuses an interpreter that is nowhere. kind says what the
// program asks for it as: "has the first line …".
func (c *checker) checkProgram(e tree.Entry, program, asks string) {
	if !path.IsAbs(program) {
		c.fail(e.Path, Interpreter, "write the whole path, or #!/usr/bin/env "+path.Base(program), "%s, which is not an absolute path", asks)
		return
	}
	if found, ok := c.paths.program(program); ok {
		if found.Kind == tree.Dir || found.Mode&0o111 == 0 {
			c.fail(e.Path, Interpreter, "make it executable", "%s, which the package has and which isn't executable", asks)
		}
		return
	}
	target, ok := c.paths.resolve(program)
	if !ok || c.isOwn(target) {
		c.fail(e.Path, Interpreter, "name a program of the package or of a package in package.depends", "%s, which isn't in the package", asks)
		return
	}
	c.needs(target, func(owner string) { c.lostProgram(e, asks, owner) })
}

func (c *checker) lostProgram(e tree.Entry, asks, owner string) {
	if owner != "" {
		c.fail(e.Path, Interpreter, declareHint(owner), "%s, which is of the Debian package %s that the spec doesn't declare", asks, owner)
		return
	}
	c.fail(e.Path, Interpreter, "name a program of the package or of a package in package.depends",
		"%s, which is neither in the package nor in a declared one", asks)
}

// checkSearched is checkProgram for a name that env(1) looks for.
func (c *checker) checkSearched(e tree.Entry, name, asks string) {
	if strings.Contains(name, "/") {
		c.checkProgram(e, name, asks)
		return
	}
	var outside []string
	for _, dir := range c.req.Path {
		p := path.Join(dir, name)
		if found, ok := c.paths.program(p); ok && found.Mode&0o111 != 0 {
			return
		}
		if target, ok := c.paths.resolve(p); ok && !c.isOwn(target) {
			outside = append(outside, target)
		}
	}
	left, last := len(outside), ""
	for _, p := range outside {
		c.needs(p, func(owner string) {
			if left--; owner != "" {
				last = owner
			}
			if left == 0 {
				c.lostProgram(e, asks, last)
			}
		})
	}
	if left == 0 {
		c.lostProgram(e, asks, "")
	}
}
