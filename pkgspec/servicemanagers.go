package pkgspec

import "slices"

// ServiceFormat is the name of a service manager in services_format.
type ServiceFormat string

// The service managers.
const (
	Systemd     ServiceFormat = "systemd"
	Upstart     ServiceFormat = "upstart"
	Supervisord ServiceFormat = "supervisord"
	Runit       ServiceFormat = "runit"
)

// ServiceManager is what a spec has to know of a service manager.
type ServiceManager struct {
	Name ServiceFormat
	// Timers says that it starts services by a schedule.
	Timers bool
}

// ServiceManagers is the table of the managers that services_format takes.
func ServiceManagers() []ServiceManager {
	return []ServiceManager{{Name: Systemd, Timers: true}, {Name: Upstart}, {Name: Supervisord}, {Name: Runit}}
}

func listServiceFormats() []ServiceFormat {
	var names []ServiceFormat
	for _, m := range ServiceManagers() {
		names = append(names, m.Name)
	}
	return names
}

// hasTimers tells whether one of the spec's managers starts services by a schedule.
func (s *Spec) hasTimers() bool {
	return slices.ContainsFunc(ServiceManagers(), func(m ServiceManager) bool {
		return m.Timers && slices.Contains(s.ServicesFormat, m.Name)
	})
}
