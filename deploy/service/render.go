package service

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/internal/tree"
	"github.com/envbuild/envbuild/templates"
)

// New returns what a package ships for its services; without services that is the
// override file alone. An error is a *RefuseHotError, or one of package env's about
// the environment of a service, which it names.
func New(in Input) (*Files, error) {
	p := newPackageData(in)
	for _, s := range p.Services {
		if s.Hot && p.Master == nil {
			return nil, &RefuseHotError{s.Name}
		}
	}
	r := &renderer{}
	if err := p.addReleaseFiles(r, in); err != nil {
		return nil, err
	}
	out := &Files{Release: r.files}
	r.files = nil
	r.addConfig(p.Override, 0o644, templates.Override, p)
	if len(p.Services) > 0 {
		r.add(p.ServicesSh, 0o755, templates.Services, p)
		p.addManagerFiles(r)
	}
	out.System = r.files
	out.Scripts = p.renderScripts(r)
	out.Depends = p.listDepends()
	return out, r.err
}

// renderer collects files; the first error ends it.
type renderer struct {
	files []tree.Entry
	err   error
}

func (r *renderer) render(template string, data any) []byte {
	if r.err != nil {
		return nil
	}
	var text []byte
	text, r.err = templates.Render(template, data)
	return text
}

func (r *renderer) add(name string, mode fs.FileMode, template string, data any) {
	r.files = append(r.files, tree.Entry{Path: name, Mode: mode, Content: r.render(template, data)})
}

// addConfig adds a file that the administrator may change.
func (r *renderer) addConfig(name string, mode fs.FileMode, template string, data any) {
	r.add(name, mode, template, data)
	r.files[len(r.files)-1].Config = true
}

// addReleaseFiles adds the commands and environments of the services.
func (p *packageData) addReleaseFiles(r *renderer, in Input) error {
	for i, s := range p.Services {
		spec := in.Services[i]
		environment, err := env.New(in.Pinned, spec.Environment(in.Env))
		if err != nil {
			return fmt.Errorf("service %s: %w", spec.Name, err)
		}
		rc, err := environment.ServerRC(s.rcPath(), p.Override)
		if err != nil {
			return fmt.Errorf("service %s: %w", spec.Name, err)
		}
		r.files = append(r.files, tree.Entry{Path: s.rcPath(), Content: rc, Mode: 0o644})
		start := path.Join(p.release, "services", s.Name)
		if !s.Hot {
			r.add(start, 0o755, templates.Service, s)
			continue
		}
		r.add(start, 0o755, templates.ServiceMaster, s)
		generation := *s
		generation.Generation = true
		r.add(start+".generation", 0o755, templates.Service, &generation)
	}
	return nil
}

// renderScripts returns the parts of maintainer scripts.
func (p *packageData) renderScripts(r *renderer) Scripts {
	render := func(template string) string { return string(r.render(template, p)) }
	s := Scripts{Prepare: render(templates.PostInstPrepare)}
	if len(p.Services) > 0 {
		s.Activate, s.PreRm, s.PostRm = render(templates.PostInstActivate), render(templates.PreRm), render(templates.PostRm)
	}
	parts, err := p.LiveParts("preinst")
	if r.err == nil {
		r.err = err
	}
	s.PreInst = strings.Join(parts, "")
	return s
}

// listDepends returns what the scripts call and no Debian has by itself, and the
// service manager if there is one choice.
func (p *packageData) listDepends() []string {
	var list []string
	if p.Sysusers() {
		// A server has systemd; a container needn't get all of it.
		list = append(list, "systemd-standalone-sysusers | systemd-sysusers | systemd")
	}
	if len(p.managers) == 1 && p.managers[0].debianPackage != "" {
		list = append(list, p.managers[0].debianPackage)
	}
	return list
}
