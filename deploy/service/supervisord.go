package service

import (
	"path"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// Processes of managers other than systemd begin as root in "services.sh run", which
// makes the directory in /run that systemd makes by a directive, and becomes the
// service's user.

func supervisord() manager {
	return manager{
		name: pkgspec.Supervisord, template: templates.ManagerSupervisord, yields: true, debianPackage: "supervisor",
		addFiles: addSupervisordFile,
	}
}

// addSupervisordFile adds one file with a section for each service. Where another
// manager starts the services, supervisord must not, so there the file is kept for
// whoever includes it.
func addSupervisordFile(p *packageData, r *renderer) {
	if p.isLive(supervisord()) {
		r.addConfig(path.Join("/etc/supervisor/conf.d", p.Package+".conf"), 0o644, templates.Supervisord, p)
		return
	}
	r.add(path.Join("/usr/share", p.Package, "supervisor.conf"), 0o644, templates.Supervisord, p)
}

// Autorestart is Restart in supervisord's words.
func (s *serviceData) Autorestart() string {
	switch s.Restart {
	case pkgspec.RestartAlways:
		return "true"
	case pkgspec.RestartOnFailure:
		return "unexpected"
	}
	return "false"
}
