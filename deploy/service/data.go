package service

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/envbuild/envbuild/env"
	"github.com/envbuild/envbuild/pkgspec"
)

// packageData is the package in the words of the templates.
type packageData struct {
	Package, Current string
	// UnitPrefix is the name of the package as units' names have it.
	UnitPrefix              string
	ServicesSh, RunDir      string
	Override, OverrideGroup string
	Services                []*serviceData
	Directories             []stateDirectory
	SysGroups               []string
	SysUsers                []stateDirectory
	Members                 []membership
	Runtime, RuntimePackage string
	Master                  *Master
	release                 string
	managers                []manager
}

// serviceData is a service in the words of the templates.
type serviceData struct {
	*packageData
	Name string
	// ID is the name beyond this package: that of units, programs, jobs.
	ID, Description string
	User, Group     string
	Hot, Many       bool
	Instances       int
	Schedule        string
	Restart         pkgspec.Restart
	// StateName is that of the directories below /var/lib and /var/log.
	StateName string
	LowPort   bool
	// Interval in seconds, and what else a hot service has.
	Interval         int
	Signal           string
	RestartOnRuntime bool
	// Run and Listen are words of a shell.
	Run    []string
	Listen string
	// Generation says that the file is what the master starts.
	Generation bool
}

func newPackageData(in Input) *packageData {
	p := &packageData{
		// "+" isn't allowed in the names of units.
		Package: in.Name, UnitPrefix: strings.ReplaceAll(in.Name, "+", "-"), Current: in.Paths.Current, release: in.Paths.Release,
		ServicesSh: path.Join(in.Paths.Prefix, "services.sh"), RunDir: "/run/" + in.Name,
		Override: Override(in.Name), OverrideGroup: "root", Runtime: in.Runtime, RuntimePackage: in.RuntimePackage,
		Master: in.Master, managers: selectManagers(in.Formats),
	}
	for _, s := range in.Services {
		p.Services = append(p.Services, p.newServiceData(s, in))
	}
	p.assignAccounts()
	return p
}

func (p *packageData) newServiceData(spec pkgspec.Service, in Input) *serviceData {
	s := &serviceData{
		packageData: p, Name: spec.Name, ID: p.UnitPrefix + "-" + spec.Name, Description: firstLine(in.Description) + " (" + spec.Name + ")",
		User: spec.User, Group: spec.Group, Many: spec.Instances > 1, Instances: spec.Instances,
		Schedule: spec.Schedule, Restart: spec.Restart, StateName: p.Package, Listen: env.Word(spec.Listen),
	}
	for _, word := range spec.Run {
		s.Run = append(s.Run, env.Word(word))
	}
	if spec.Hot != nil {
		s.Hot, s.Interval, s.Signal, s.RestartOnRuntime = true, spec.Hot.Interval, spec.Hot.Signal, spec.Hot.RestartOnRuntime
	}
	if listens, ok := spec.Listens(in.Env); ok && spec.User != "root" {
		port, err := strconv.Atoi(listens[strings.LastIndex(listens, ":")+1:])
		s.LowPort = err == nil && port < 1024
	}
	return s
}

// firstLine returns the first line of a description, for files in which a line is a
// value.
func firstLine(description string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(description), "\n")
	first = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\\' {
			return ' '
		}
		return r
	}, first)
	return strings.Join(strings.Fields(first), " ")
}

func (s *serviceData) rcPath() string { return path.Join(s.release, "services", s.Name+".rc") }

// RC is the path of the environment, as a word of a shell.
func (s *serviceData) RC() string { return env.Word(pkgspec.Value{{Literal: s.rcPath()}}) }

// Start is what service managers start.
func (s *serviceData) Start() string { return path.Join(s.Current, "services", s.Name) }

// Generations is what the master starts.
func (s *serviceData) Generations() string { return s.Start() + ".generation" }

// RunDir is the service's own directory below the package's.
func (s *serviceData) RunDir() string { return path.Join(s.packageData.RunDir, s.Name) }

// Logs is the directory of log files.
func (s *serviceData) Logs() string { return "/var/log/" + s.StateName }

// RestartWord is Restart as it stands in the spec.
func (s *serviceData) RestartWord() string { return string(s.Restart) }

// Numbers are those of the instances.
func (s *serviceData) Numbers() []int {
	var list []int
	for i := range s.Instances {
		list = append(list, i+1)
	}
	return list
}

// Continuous are the services that run all the time.
func (p *packageData) Continuous() []*serviceData {
	return slices.DeleteFunc(slices.Clone(p.Services), func(s *serviceData) bool { return s.Schedule != "" })
}
