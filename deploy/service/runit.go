package service

import (
	"fmt"
	"path"

	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

func runit() manager {
	return manager{
		name: pkgspec.Runit, template: templates.ManagerRunit, yields: true, debianPackage: "runit",
		addServiceFiles: addRunitFiles,
	}
}

func addRunitFiles(s *serviceData, r *renderer) {
	for _, process := range s.runitServices() {
		dir := path.Join("/etc/sv", process.ID())
		r.addConfig(path.Join(dir, "run"), 0o755, templates.RunitRun, process)
		r.addConfig(path.Join(dir, "finish"), 0o755, templates.RunitFinish, process)
		r.addConfig(path.Join(dir, "log/run"), 0o755, templates.RunitLog, process)
		if s.Hot {
			r.addConfig(path.Join(dir, "control/h"), 0o755, templates.RunitHup, process)
		}
	}
}

// runitService is what runit calls a service: one process.
type runitService struct {
	*serviceData
	// Number is the instance, counted from 1.
	Number int
}

// ID is the name of its directory below /etc/sv.
func (s *runitService) ID() string { return s.appendNumber(s.serviceData.ID) }

// RunName is the name of the directory of its log.
func (s *runitService) RunName() string { return s.appendNumber(s.Name) }

func (s *runitService) appendNumber(name string) string {
	if s.Many {
		return fmt.Sprintf("%s-%d", name, s.Number)
	}
	return name
}

// RunitServices are the processes of all services.
func (p *packageData) RunitServices() []*runitService {
	var list []*runitService
	for _, s := range p.Continuous() {
		list = append(list, s.runitServices()...)
	}
	return list
}

func (s *serviceData) runitServices() []*runitService {
	var list []*runitService
	for _, n := range s.Numbers() {
		list = append(list, &runitService{s, n})
	}
	return list
}
