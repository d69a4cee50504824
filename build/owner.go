package build

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// packageOwners tells which Debian package of this machine holds a shared
// library, and which packages a package depends on, from dpkg's own files.
type packageOwners struct {
	info   string // /var/lib/dpkg/info
	status string // /var/lib/dpkg/status

	once    sync.Once
	owners  map[string][]string // by the library's file name
	depends map[string][]string
	err     error
}

func newPackageOwners(root string) *packageOwners {
	return &packageOwners{
		info:   filepath.Join(root, "var/lib/dpkg/info"),
		status: filepath.Join(root, "var/lib/dpkg/status"),
	}
}

// of returns the packages that hold a file of that name below a library folder.
func (p *packageOwners) of(soname string) ([]string, error) {
	p.once.Do(p.load)
	return p.owners[soname], p.err
}

// dependsOn reports whether the package depends directly on the other.
func (p *packageOwners) dependsOn(name, other string) bool {
	p.once.Do(p.load)
	for _, d := range p.depends[name] {
		if d == other {
			return true
		}
	}
	return false
}

func (p *packageOwners) load() {
	p.owners, p.depends = map[string][]string{}, map[string][]string{}
	lists, err := filepath.Glob(filepath.Join(p.info, "*.list"))
	if err != nil {
		p.err = err
		return
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			p.err = err
			return
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
		p.addLibraries(name, data)
	}
	p.err = p.loadDepends()
}

// addLibraries reads one package's list of files. Most have no library at all,
// so the whole text is searched before its lines are.
func (p *packageOwners) addLibraries(name string, list []byte) {
	if !bytes.Contains(list, []byte(".so")) {
		return
	}
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSuffix(line, "\n")
		if base := filepath.Base(line); strings.Contains(base, ".so") && strings.Contains(line, "/lib") {
			p.owners[base] = append(p.owners[base], name)
		}
	}
}

func (p *packageOwners) loadDepends() error {
	data, err := os.ReadFile(p.status)
	if err != nil {
		return err
	}
	p.addDepends(string(data))
	return nil
}

func (p *packageOwners) addDepends(status string) {
	var name string
	for line := range strings.Lines(status) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch field {
		case "Package":
			name = value
		case "Depends", "Pre-Depends":
			for _, relation := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '|' }) {
				if words := strings.Fields(relation); len(words) > 0 {
					dep, _, _ := strings.Cut(words[0], ":")
					p.depends[name] = append(p.depends[name], dep)
				}
			}
		}
	}
}
