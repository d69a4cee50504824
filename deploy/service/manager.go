package service

import (
	"slices"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// manager is a service manager, for which a package has files of its own and parts
// of scripts.
type manager struct {
	name pkgspec.ServiceFormat
	// template is the file with its parts of services.sh and of the maintainer
	// scripts. Where the manager doesn't run, they do nothing.
	template string
	// leads says that where this manager runs, it runs the services, whatever others
	// there are. yields says that this manager would start them a second time then.
	leads, yields bool
	// debianPackage is what a package whose services only this manager can run
	// depends on; it is empty where that isn't a package's to decide.
	debianPackage string
	// addFiles adds the files for all services, and addServiceFiles those of one that
	// runs all the time. Either may be nil.
	addFiles        func(*packageData, *renderer)
	addServiceFiles func(*serviceData, *renderer)
}

// managers is the table of the service managers. pkgspec.ServiceManagers has a row
// for each, too.
func managers() []manager {
	return []manager{systemd(), supervisord(), runit(), upstart()}
}

// selectManagers returns those of the spec's services_format, in the table's order.
func selectManagers(formats []pkgspec.ServiceFormat) []manager {
	return slices.DeleteFunc(managers(), func(m manager) bool { return !slices.Contains(formats, m.name) })
}

// isLive tells whether a manager starts the services when the package is installed.
func (p *packageData) isLive(m manager) bool {
	return !m.yields || !slices.ContainsFunc(p.managers, func(other manager) bool { return other.leads })
}

// addManagerFiles adds the files of all managers.
func (p *packageData) addManagerFiles(r *renderer) {
	if p.Sysusers() {
		r.add("/usr/lib/sysusers.d/"+p.Package+".conf", 0o644, templates.Sysusers, p)
	}
	for _, m := range p.managers {
		if m.addFiles != nil {
			m.addFiles(p, r)
		}
	}
	for _, s := range p.Continuous() {
		for _, m := range p.managers {
			if m.addServiceFiles != nil {
				m.addServiceFiles(s, r)
			}
		}
	}
}

// Parts are what the managers have for a part of services.sh.
func (p *packageData) Parts(part string) ([]string, error) {
	return p.renderParts(part, func(manager) bool { return true })
}

// LiveParts are what the live managers have for a part of a maintainer script.
func (p *packageData) LiveParts(part string) ([]string, error) {
	return p.renderParts(part, p.isLive)
}

func (p *packageData) renderParts(part string, has func(manager) bool) ([]string, error) {
	var parts []string
	for _, m := range p.managers {
		if !has(m) {
			continue
		}
		text, err := templates.RenderPart(m.template, part, p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, string(text))
	}
	return parts, nil
}
