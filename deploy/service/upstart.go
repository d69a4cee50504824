package service

import (
	"path"
	"strings"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

func upstart() manager {
	return manager{name: pkgspec.Upstart, template: templates.ManagerUpstart, addServiceFiles: addUpstartFiles}
}

func addUpstartFiles(s *serviceData, r *renderer) {
	r.addConfig(path.Join("/etc/init", s.ID+".conf"), 0o644, templates.Upstart, s)
	if s.Many {
		r.addConfig(path.Join("/etc/init", s.ID+"-instance.conf"), 0o644, templates.UpstartInstance, s)
	}
}

// UpstartDescription fits between double quotes, in which Upstart knows no other
// escape.
func (s *serviceData) UpstartDescription() string {
	return strings.ReplaceAll(s.Description, `"`, "'")
}
