package service

import (
	"path"
	"strings"

	"github.com/envbuild/envbuild/templates"
)

// unitDir is where Debian keeps units since /usr was merged. systemd of Debian 12
// and Ubuntu 22.04 and deb-systemd-helper read it as well.
const unitDir = "/usr/lib/systemd/system"

// reloadMargin is how much longer, in seconds, systemd waits for a reload than
// services.sh does.
const reloadMargin = 20

// formatFiles are the files of the init systems.
func (p *pack) formatFiles(r *renderer) {
	if p.Sysusers() {
		r.add(path.Join("/usr/lib/sysusers.d", p.Package+".conf"), 0o644, templates.Sysusers, p)
	}
	if p.Systemd {
		for _, u := range p.Services {
			u.systemd(r)
		}
	}
	if p.Supervisord {
		p.supervisord(r)
	}
	for _, u := range p.Continuous() {
		if p.Runit {
			u.runit(r)
		}
		if p.Upstart {
			u.upstart(r)
		}
	}
}

func (u *unit) systemd(r *renderer) {
	r.add(path.Join(unitDir, u.UnitFile()), 0o644, templates.UnitService, u)
	switch {
	case u.Many:
		r.add(path.Join(unitDir, u.Unit()), 0o644, templates.UnitTarget, u)
	case u.Schedule != "":
		r.add(path.Join(unitDir, u.Unit()), 0o644, templates.UnitTimer, u)
	}
}

// UnitFile is the file of the process: NAME@.service if there are several.
func (u *unit) UnitFile() string {
	if u.Many {
		return u.ID + "@.service"
	}
	return u.ID + ".service"
}

// Unit is what is enabled and started for the service.
func (u *unit) Unit() string {
	switch {
	case u.Many:
		return u.ID + ".target"
	case u.Schedule != "":
		return u.ID + ".timer"
	}
	return u.ID + ".service"
}

// Specified writes text for a unit, where a percent sign begins a specifier.
func (u *unit) Specified(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// ReloadLimit is for how many seconds systemd waits for a reload: longer than
// services.sh, which waits for the end of another reload and then for two tries.
func (u *unit) ReloadLimit() int { return 2*(2*u.Interval+10) + reloadMargin }

// Enabled are the units that are enabled.
func (p *pack) Enabled() []string {
	var list []string
	for _, u := range p.Services {
		list = append(list, u.Unit())
	}
	return list
}

// Stopped are the units that a removal stops.
func (p *pack) Stopped() []string {
	list := p.Enabled()
	for _, u := range p.Services {
		if u.Schedule != "" {
			list = append(list, u.UnitFile())
		}
	}
	return list
}

// UnitFiles are the units' files.
func (p *pack) UnitFiles() []string {
	if !p.Systemd {
		return nil
	}
	var list []string
	for _, u := range p.Services {
		list = append(list, u.UnitFile())
		if u.Unit() != u.UnitFile() {
			list = append(list, u.Unit())
		}
	}
	return list
}

// Sysusers tells whether there are users or groups to make.
func (p *pack) Sysusers() bool { return len(p.SysUsers)+len(p.SysGroups)+len(p.Members) > 0 }

// scripts are the parts of maintainer scripts.
func (p *pack) scripts(r *renderer) Scripts {
	part := func(template string) string { return string(r.text(template, p)) }
	s := Scripts{Prepare: part(templates.PostInstPrepare)}
	if p.Systemd {
		s.PreInst = part(templates.PreInst)
	}
	if len(p.Services) > 0 {
		s.Activate, s.PreRm, s.PostRm = part(templates.PostInstActivate), part(templates.PreRm), part(templates.PostRm)
	}
	return s
}

// depends are what the scripts call and no Debian has by itself, and the init
// system where there is one choice.
func (p *pack) depends() []string {
	var list []string
	if p.Sysusers() {
		// A server has systemd; a container needn't get all of it.
		list = append(list, "systemd-standalone-sysusers | systemd-sysusers | systemd")
	}
	switch {
	case p.Systemd || p.Upstart || p.Supervisord == p.Runit:
	case p.Supervisord:
		list = append(list, "supervisor")
	case p.Runit:
		list = append(list, "runit")
	}
	return list
}
