// Package service turns the services of a spec into the files of service managers
// and into parts of maintainer scripts (design.md §4, docs/services.md). It is a
// pure function of its input: what it returns are texts, paths and modes.
//
// # Layers
//
// For each service, files of a release (services/NAME and services/NAME.rc, for
// a hot service also services/NAME.generation) hold everything that may change from one
// release to the next: the environment and the command. A unit only names the
// path <current>/services/NAME, so that it stays as it is while releases come
// and go:
//
//	manager ─► <current>/services/NAME ─► environment of NAME.rc ─► command
//	hot:    <current>/services/NAME ─► Master ─► <current>/services/NAME.generation ─► environment ─► command
//
// The master of a hot service has neither the environment nor the directory of the
// release that it was started from: each generation gets its own.
//
// services.sh stands in the prefix, apart from releases. "services.sh deploy"
// brings what runs to the release that <current> names: hot services start a
// new generation, others are restarted, and what should run and doesn't is
// started. "services.sh reload NAME" does it for a hot service; units use it as
// ExecReload=. Both wait until the new generations are up, and exit with 1 if
// something didn't come up.
//
// # How a layout uses it
//
// New returns Release files (below Paths.Release, part of the release wherever a
// layout keeps the master copy) and System files (at their places on the server,
// owned by dpkg as they are), and Scripts. A maintainer script is made of them in this
// order:
//
//	preinst:  Scripts.PreInst                    stops what the new version no longer has
//	postinst: Scripts.Prepare                    users and the override file; nothing runs yet
//	          … the layout switches <current> …  (nothing with releases: 0)
//	          Scripts.Activate                   enable, daemon-reload, start, "services.sh deploy"
//	prerm:    Scripts.PreRm
//	          … the layout takes away what it made …
//	postrm:   Scripts.PostRm
//
// Each part is a piece of POSIX shell for "set -e" that reads "$1" and "$2" as
// dpkg gives them, defines nothing but functions and variables that begin with
// svc_, and does nothing where it has nothing to do. A layout that switches back
// runs "<prefix>/services.sh deploy" after the switch.
package service
