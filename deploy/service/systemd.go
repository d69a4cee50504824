package service

import (
	"path"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// unitDir is where Debian keeps units since /usr was merged. systemd of Debian 12
// and Ubuntu 22.04 and deb-systemd-helper read it as well.
const unitDir = "/usr/lib/systemd/system"

// reloadMargin is how much longer, in seconds, systemd waits for a reload than
// services.sh does.
const reloadMargin = 20

func systemd() manager {
	return manager{name: pkgspec.Systemd, template: templates.ManagerSystemd, leads: true, addFiles: addUnits}
}

func addUnits(p *packageData, r *renderer) {
	for _, s := range p.Services {
		r.add(path.Join(unitDir, s.UnitFile()), 0o644, templates.UnitService, s)
		switch {
		case s.Many:
			r.add(path.Join(unitDir, s.Unit()), 0o644, templates.UnitTarget, s)
		case s.Schedule != "":
			r.add(path.Join(unitDir, s.Unit()), 0o644, templates.UnitTimer, s)
		}
	}
}

// UnitFile is the file of the process: NAME@.service if there are several.
func (s *serviceData) UnitFile() string {
	if s.Many {
		return s.ID + "@.service"
	}
	return s.ID + ".service"
}

// Unit is what is enabled and started for the service.
func (s *serviceData) Unit() string {
	switch {
	case s.Many:
		return s.ID + ".target"
	case s.Schedule != "":
		return s.ID + ".timer"
	}
	return s.ID + ".service"
}

// Specified writes text for a unit, where a percent sign begins a specifier.
func (s *serviceData) Specified(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// ReloadLimit is for how many seconds systemd waits for a reload: longer than
// services.sh, which waits for the end of another reload and then for two tries.
func (s *serviceData) ReloadLimit() int { return 2*(2*s.Interval+10) + reloadMargin }

// Enabled are the units that are enabled.
func (p *packageData) Enabled() []string {
	var list []string
	for _, s := range p.Services {
		list = append(list, s.Unit())
	}
	return list
}

// Stopped are the units that a removal stops.
func (p *packageData) Stopped() []string {
	list := p.Enabled()
	for _, s := range p.Services {
		if s.Schedule != "" {
			list = append(list, s.UnitFile())
		}
	}
	return list
}

// UnitFiles are the units' files.
func (p *packageData) UnitFiles() []string {
	var list []string
	for _, s := range p.Services {
		list = append(list, s.UnitFile())
		if s.Unit() != s.UnitFile() {
			list = append(list, s.Unit())
		}
	}
	return list
}
