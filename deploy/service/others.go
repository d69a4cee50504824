package service

import (
	"fmt"
	"path"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// The files of init systems other than systemd. Their processes begin as root in
// "services.sh run", which makes the folder in /run that systemd makes by a
// directive, and becomes the service's user.

// supervisord writes one file with a section for each service. Where systemd
// starts the services, supervisord mustn't do it too, so there the file lies by for
// whoever includes it.
func (p *pack) supervisord(r *renderer) {
	name := path.Join("/etc/supervisor/conf.d", p.Package+".conf")
	if p.LiveSupervisord {
		r.config(name, templates.Supervisord, p)
		return
	}
	r.add(path.Join("/usr/share", p.Package, "supervisor.conf"), 0o644, templates.Supervisord, p)
}

// Autorestart is Restart in supervisord's words.
func (u *unit) Autorestart() string {
	switch u.Restart {
	case pkgspec.RestartAlways:
		return "true"
	case pkgspec.RestartOnFailure:
		return "unexpected"
	}
	return "false"
}

// runsv is one process of runit.
type runsv struct {
	*unit
	// Number is the instance, counted from 1.
	Number int
}

// ID is the name of the folder below /etc/sv.
func (v *runsv) ID() string { return v.numbered(v.unit.ID) }

// RunName is the name of the folder of its log.
func (v *runsv) RunName() string { return v.numbered(v.Name) }

func (v *runsv) numbered(name string) string {
	if v.Many {
		return fmt.Sprintf("%s-%d", name, v.Number)
	}
	return name
}

// Runsvs are the processes of runit.
func (p *pack) Runsvs() []*runsv {
	var list []*runsv
	for _, u := range p.Continuous() {
		list = append(list, u.runsvs()...)
	}
	return list
}

func (u *unit) runsvs() []*runsv {
	var list []*runsv
	for _, n := range u.Numbers() {
		list = append(list, &runsv{u, n})
	}
	return list
}

func (u *unit) runit(r *renderer) {
	for _, v := range u.runsvs() {
		dir := path.Join("/etc/sv", v.ID())
		script := func(name, template string) {
			r.config(path.Join(dir, name), template, v)
			r.files[len(r.files)-1].Mode = 0o755
		}
		script("run", templates.RunitRun)
		script("finish", templates.RunitFinish)
		script("log/run", templates.RunitLog)
		if u.Hot {
			script("control/h", templates.RunitHup)
		}
	}
}

// RestartWord is Restart as it stands in the spec.
func (u *unit) RestartWord() string { return string(u.Restart) }

func (u *unit) upstart(r *renderer) {
	r.config(path.Join("/etc/init", u.ID+".conf"), templates.Upstart, u)
	if u.Many {
		r.config(path.Join("/etc/init", u.ID+"-instance.conf"), templates.UpstartInstance, u)
	}
}

// UpstartDescription fits between double quotes, in which Upstart knows no other
// escape.
func (u *unit) UpstartDescription() string { return strings.ReplaceAll(u.Description, `"`, "'") }
