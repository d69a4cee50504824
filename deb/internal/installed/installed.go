// Package installed answers from the files that dpkg keeps of a Debian system:
// which packages there are, what they need, and whose a path is.
package installed

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// InfoDir is where dpkg keeps the lists of files.
const InfoDir = "/var/lib/dpkg/info"

const statusFile = "/var/lib/dpkg/status"

// System is a Debian system below a folder.
type System struct {
	root     string
	packages map[string]Package
	provided map[string][]string
}

// Package is an installed package.
type Package struct {
	Name, Version string
	// Base says that every system has it: it is essential, or its priority is
	// required.
	Base bool
	// Depends names all packages of its Depends and Pre-Depends, alternatives
	// included.
	Depends []string
}

// Open reads the database of the system below root, normally "/".
func Open(root string) (*System, error) {
	s := &System{root: root, packages: map[string]Package{}, provided: map[string][]string{}}
	data, err := os.ReadFile(filepath.Join(root, statusFile))
	if err != nil {
		return nil, fmt.Errorf("read dpkg's database: %w", err)
	}
	for paragraph := range bytes.SplitSeq(data, []byte("\n\n")) {
		s.add(string(paragraph))
	}
	return s, nil
}

func (s *System) add(paragraph string) {
	var p Package
	var isInstalled bool
	var provides []string
	for line := range strings.Lines(paragraph) {
		field, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch field {
		case "Package":
			p.Name = value
		case "Version":
			p.Version = value
		case "Status":
			isInstalled = strings.HasSuffix(value, " installed")
		case "Essential":
			p.Base = p.Base || value == "yes"
		case "Priority":
			p.Base = p.Base || value == "required"
		case "Depends", "Pre-Depends":
			p.Depends = append(p.Depends, Names(value)...)
		case "Provides":
			provides = Names(value)
		}
	}
	if !isInstalled {
		return
	}
	s.packages[p.Name] = p
	for _, name := range provides {
		s.provided[name] = append(s.provided[name], p.Name)
	}
}

// Names returns the names of all packages in relationships: "a | b (>= 1), c:any"
// names a, b and c.
func Names(relationships string) []string {
	var out []string
	for relation := range strings.FieldsFuncSeq(relationships, func(r rune) bool { return r == ',' || r == '|' }) {
		name, _, _ := strings.Cut(strings.TrimSpace(relation), " ")
		name, _, _ = strings.Cut(name, "(")
		name, _, _ = strings.Cut(name, ":")
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// Package returns an installed package.
func (s *System) Package(name string) (Package, bool) {
	p, ok := s.packages[name]
	return p, ok
}

// Closure returns the installed ones among some packages, with what every system
// has and all that any of them needs.
func (s *System) Closure(names ...string) map[string]bool {
	todo := slices.Clone(names)
	for _, p := range s.packages {
		if p.Base {
			todo = append(todo, p.Name)
		}
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		todo = append(todo, s.packages[name].Depends...)
		todo = append(todo, s.provided[name]...)
	}
	for name := range seen {
		if _, ok := s.packages[name]; !ok {
			delete(seen, name)
		}
	}
	return seen
}

// Resolve follows the links of a path below the root, where absolute ones start
// at the root. What doesn't exist stays as it is.
func (s *System) Resolve(p string) string { return Resolve(s.root, p) }

// Resolve is the method, for a root whose database isn't wanted.
func Resolve(root, p string) string {
	const mostLinks = 40
	done, todo := "/", strings.Split(p, "/")
	for links := 0; len(todo) > 0; {
		next := path.Join(done, todo[0])
		todo = todo[1:]
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil || links >= mostLinks {
			done = next
			continue
		}
		links++
		if path.IsAbs(target) {
			done = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done
}

// Owners returns the packages that have each of the paths, itself or what links
// of the system make of it, in one pass over the lists of all packages: 20 ms
// for 500 of them. A path that is in no list isn't in the result.
func (s *System) Owners(paths []string) (map[string][]string, error) {
	asked := map[string][]string{} // the paths that stand behind a name of a list
	for _, p := range paths {
		for _, name := range Spellings(p, s.Resolve(p)) {
			asked[name] = append(asked[name], p)
		}
	}
	lists, err := filepath.Glob(filepath.Join(s.root, InfoDir, "*.list"))
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			for _, p := range asked[string(line)] {
				if !slices.Contains(out[p], pkg) {
					out[p] = append(out[p], pkg)
				}
			}
		}
	}
	return out, nil
}

// Spellings returns the names that a list may have of paths. Since /bin, /sbin and
// /lib became links below /usr, a package may list either name.
func Spellings(paths ...string) []string {
	var out []string
	for _, p := range paths {
		other, ok := strings.CutPrefix(p, "/usr")
		if !ok {
			other = "/usr" + p
		}
		for _, name := range []string{p, other} {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
