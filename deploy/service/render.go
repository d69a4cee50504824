package service

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/pkgspec"
	"github.com/envbuild/envbuild/templates"
)

// New returns what a package ships for its services; without services that is the
// override file alone. An error is one of package env's about the environment of
// a service, which it names.
func New(in Input) (*Files, error) {
	p := newPackage(in)
	r := &renderer{}
	if err := p.releaseFiles(r, in); err != nil {
		return nil, err
	}
	out := &Files{Release: r.files}
	r.files = nil
	r.config(p.Override, templates.Override, p)
	if len(p.Services) > 0 {
		r.add(p.ServicesSh, 0o755, templates.Services, p)
		p.formatFiles(r)
	}
	out.System = r.files
	out.Scripts = p.scripts(r)
	out.Depends = p.depends()
	return out, r.err
}

// renderer collects files; the first error ends it.
type renderer struct {
	files []File
	err   error
}

func (r *renderer) text(template string, data any) []byte {
	if r.err != nil {
		return nil
	}
	var text []byte
	text, r.err = templates.Render(template, data)
	return text
}

func (r *renderer) add(name string, mode fs.FileMode, template string, data any) {
	r.files = append(r.files, File{Path: name, Mode: mode, Content: r.text(template, data)})
}

// config adds a file that the administrator may change.
func (r *renderer) config(name, template string, data any) {
	r.add(name, 0o644, template, data)
	r.files[len(r.files)-1].Config = true
}

// pack is the package in the words of the templates.
type pack struct {
	Package, Current string
	// UnitPrefix is the name of the package as units' names have it.
	UnitPrefix              string
	ServicesSh, RunDir      string
	Override, OverrideGroup string
	Services                []*unit
	Folders                 []folder
	SysGroups               []string
	SysUsers                []folder
	Members                 []member
	Systemd, Upstart        bool
	Supervisord, Runit      bool
	// Live says that the package starts services there; where it has units for
	// systemd too, systemd does it.
	LiveSupervisord, LiveRunit bool
	Runtime, RuntimePackage    string
	release                    string
}

// folder is /var/lib/Name and /var/log/Name, of the services of one user.
type folder struct{ Name, User, Group string }

// member says that a user belongs to a group.
type member struct{ User, Group string }

// unit is a service in the words of the templates.
type unit struct {
	*pack
	Name string
	// ID is the name beyond this package: that of units, programs, jobs.
	ID, Description string
	User, Group     string
	Hot, Many       bool
	Instances       int
	Schedule        string
	Restart         pkgspec.Restart
	// StateName is that of the folders below /var/lib and /var/log.
	StateName string
	LowPort   bool
	// Interval in seconds, and what else a hot service has.
	Interval         int
	Signal           string
	RestartOnRuntime bool
	// Run and Listen are words of a shell.
	Run    []string
	Listen string
	// Generation says that the file is what start_server starts.
	Generation bool
}

// staticUsers are those that base-passwd gives every Debian, which nobody makes.
func staticUsers() []string {
	return []string{
		"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup",
		"list", "irc", "nobody", "_apt",
	}
}

// staticGroups are base-passwd's groups that a service may be run with.
func staticGroups() []string {
	return append(staticUsers(), "adm", "tty", "disk", "dialout", "audio", "video", "plugdev", "staff", "users", "nogroup", "shadow", "utmp", "crontab", "ssl-cert")
}

func newPackage(in Input) *pack {
	has := func(f pkgspec.ServiceFormat) bool { return slices.Contains(in.Formats, f) }
	p := &pack{
		// "+" isn't allowed in the names of units.
		Package: in.Name, UnitPrefix: strings.ReplaceAll(in.Name, "+", "-"), Current: in.Paths.Current, release: in.Paths.Release,
		ServicesSh: path.Join(in.Paths.Prefix, "services.sh"), RunDir: "/run/" + in.Name,
		Override: Override(in.Name), OverrideGroup: "root", Runtime: in.Runtime, RuntimePackage: in.RuntimePackage,
		Systemd: has(pkgspec.Systemd), Upstart: has(pkgspec.Upstart), Supervisord: has(pkgspec.Supervisord), Runit: has(pkgspec.Runit),
	}
	p.LiveSupervisord, p.LiveRunit = p.Supervisord && !p.Systemd, p.Runit && !p.Systemd
	for _, s := range in.Services {
		p.Services = append(p.Services, p.unit(s, in))
	}
	p.accounts()
	return p
}

func (p *pack) unit(s pkgspec.Service, in Input) *unit {
	u := &unit{
		pack: p, Name: s.Name, ID: p.UnitPrefix + "-" + s.Name, Description: line(in.Description) + " (" + s.Name + ")",
		User: s.User, Group: s.Group, Many: s.Instances > 1, Instances: s.Instances,
		Schedule: s.Schedule, Restart: s.Restart, StateName: p.Package, Listen: env.Word(s.Listen),
	}
	for _, word := range s.Run {
		u.Run = append(u.Run, env.Word(word))
	}
	if s.Hot != nil {
		u.Hot, u.Interval, u.Signal, u.RestartOnRuntime = true, s.Hot.Interval, s.Hot.Signal, s.Hot.RestartOnRuntime
	}
	if listens, ok := s.Listens(in.Env); ok && s.User != "root" {
		port, err := strconv.Atoi(listens[strings.LastIndex(listens, ":")+1:])
		u.LowPort = err == nil && port < 1024
	}
	return u
}

// accounts decides who owns what. The folders with the package's name belong to
// the first user that isn't root; other users and groups have folders of their own
// beside them, because systemd gives a folder to the user and the group of
// whichever unit started last.
// Every user is a member of the override file's group.
func (p *pack) accounts() {
	var main *unit
	for _, u := range p.Services {
		if main == nil || main.User == "root" {
			main = u
		}
	}
	if main == nil {
		return
	}
	p.OverrideGroup = main.Group
	groups := map[string]string{main.User: main.Group} // the first of each user
	for _, u := range p.Services {
		first, seen := groups[u.User]
		if u.User != main.User {
			u.StateName = p.Package + "-" + u.User
		}
		if !seen {
			groups[u.User] = u.Group
		} else if u.Group != first {
			u.StateName = p.Package + "-" + u.User + "." + u.Group // no user has a dot
		}
		f := folder{u.StateName, u.User, u.Group}
		if slices.ContainsFunc(p.Folders, func(x folder) bool { return x.Name == f.Name }) {
			continue
		}
		p.Folders = append(p.Folders, f)
		known := slices.ContainsFunc(p.SysUsers, func(x folder) bool { return x.User == u.User })
		if !known && !slices.Contains(staticUsers(), u.User) {
			p.SysUsers = append(p.SysUsers, f)
		}
	}
	for _, u := range p.Services {
		for _, g := range []string{u.Group, p.OverrideGroup} {
			if m := (member{u.User, g}); g != u.User && u.User != "root" && !slices.Contains(p.Members, m) {
				p.Members = append(p.Members, m)
			}
			if !slices.Contains(staticGroups(), g) && !slices.Contains(p.SysGroups, g) {
				p.SysGroups = append(p.SysGroups, g)
			}
		}
	}
}

// line makes one line of a description, for files in which a line is a value.
func line(description string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(description), "\n")
	first = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\\' {
			return ' '
		}
		return r
	}, first)
	return strings.Join(strings.Fields(first), " ")
}

// releaseFiles are the commands and environments of the services.
func (p *pack) releaseFiles(r *renderer, in Input) error {
	for i, u := range p.Services {
		s := in.Services[i]
		environment, err := env.New(in.Pinned, s.Environment(in.Env))
		if err != nil {
			return fmt.Errorf("service %s: %w", s.Name, err)
		}
		rc, err := environment.ServerRC(u.rc(), p.Override)
		if err != nil {
			return fmt.Errorf("service %s: %w", s.Name, err)
		}
		r.files = append(r.files, File{Path: u.rc(), Content: rc, Mode: 0o644})
		start := path.Join(p.release, "services", u.Name)
		if !u.Hot {
			r.add(start, 0o755, templates.Service, u)
			continue
		}
		r.add(start, 0o755, templates.ServiceMaster, u)
		generation := *u
		generation.Generation = true
		r.add(start+".generation", 0o755, templates.Service, &generation)
	}
	return nil
}

func (u *unit) rc() string { return path.Join(u.release, "services", u.Name+".rc") }

// RC is the path of the environment, as a word of a shell.
func (u *unit) RC() string { return env.Word(pkgspec.Value{{Literal: u.rc()}}) }

// Start is what init systems start, and Generations what start_server does.
func (u *unit) Start() string { return path.Join(u.Current, "services", u.Name) }

// Generations is what start_server starts.
func (u *unit) Generations() string { return u.Start() + ".generation" }

// RunDir is the service's own folder below the package's.
func (u *unit) RunDir() string { return path.Join(u.pack.RunDir, u.Name) }

// Logs is the folder of log files.
func (u *unit) Logs() string { return "/var/log/" + u.StateName }

// Numbers are those of the instances.
func (u *unit) Numbers() []int {
	var list []int
	for i := range u.Instances {
		list = append(list, i+1)
	}
	return list
}

// Continuous are the services that run all the time.
func (p *pack) Continuous() []*unit {
	return slices.DeleteFunc(slices.Clone(p.Services), func(u *unit) bool { return u.Schedule != "" })
}
