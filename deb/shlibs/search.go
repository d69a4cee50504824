package shlibs

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/deb/debversion"
	"github.com/envbuild/envbuild/internal/dpkg"
)

// search collects the requirements of files.
type search struct {
	db      *database
	inside  map[string]bool // the package's paths
	private []string
	found   map[string]*requirement // by template
}

// requirement is the highest version that was asked of a template.
type requirement struct {
	minVersion string
	sonames    map[string]bool
	documented bool
}

// add adds what a file needs: of each library its oldest version at least, and
// the version that brought each symbol. A symbol is the first library's that has
// it, in the order in which the file names them.
func (s *search) add(o *object) error {
	type loaded struct {
		soname string
		*library
	}
	var libs []loaded
	for _, soname := range o.needed {
		if s.isInside(o, soname) {
			continue
		}
		l, err := s.load(o, soname)
		if err != nil {
			return err
		}
		if l != nil {
			libs = append(libs, loaded{soname, l})
		}
	}
	for _, name := range o.undefined {
		for _, l := range libs {
			sym, ok := l.symbols[name]
			if !ok {
				continue
			}
			if t, ok := l.dependency(sym); ok {
				s.require(t, sym.minVersion, l.soname)
			}
			break
		}
	}
	return nil
}

// isInside tells whether a file's library comes from the package.
func (s *search) isInside(o *object, soname string) bool {
	for _, dir := range slices.Concat(o.searchPath(), s.private) {
		if s.inside[path.Join(dir, soname)] {
			return true
		}
	}
	return false
}

// isNamedInside tells whether the package has a library of that name anywhere.
func (s *search) isNamedInside(soname string) bool {
	for p := range s.inside {
		if path.Base(p) == soname {
			return true
		}
	}
	return false
}

// searchPath expands $ORIGIN, the directory of the file.
func (o *object) searchPath() []string {
	dir := path.Dir(o.Path)
	var out []string
	for _, p := range o.runpath {
		p = strings.NewReplacer("$ORIGIN", dir, "${ORIGIN}", dir).Replace(p)
		if path.IsAbs(p) {
			out = append(out, path.Clean(p))
		}
	}
	return out
}

// load finds the package of a library and requires it. It returns the library's
// symbols, or nil if only a shlibs file is known, or the library is loaded from
// the package by other means (a program's own search path holds for the modules
// that it loads).
func (s *search) load(o *object, soname string) (*library, error) {
	paths := s.db.find(soname, o.searchPath(), o.abi)
	for _, lib := range paths {
		owners, err := s.db.packages.LibraryOwners(lib)
		if err != nil {
			return nil, err
		}
		if len(owners) == 0 {
			owners = []dpkg.Owner{{}} // only the administrator's files can know it
		}
		for _, pkg := range owners {
			l, err := s.db.symbolsOf(pkg, soname, o.abi.debian())
			if err != nil {
				return nil, err
			}
			if l != nil {
				s.require(l.templates[0], l.smallest(), soname)
				return l, nil
			}
			depends, ok, err := s.db.shlibsOf(pkg, soname)
			if err != nil {
				return nil, err
			}
			if ok {
				s.require(depends, "", soname)
				return nil, nil
			}
		}
	}
	return nil, s.undocumented(o, soname, paths)
}

// undocumented is for a library without symbols and shlibs files. A package that
// owns it is required as such: dpkg-shlibdeps would leave a private library out,
// and the program wouldn't start.
func (s *search) undocumented(o *object, soname string, paths []string) error {
	for _, lib := range paths {
		owners, err := s.db.packages.LibraryOwners(lib)
		if err != nil {
			return err
		}
		if len(owners) > 0 {
			s.raise(owners[0].Name, "", soname)
			return nil
		}
	}
	if s.isNamedInside(soname) {
		return nil
	}
	err := &LibraryError{File: o.Path, Soname: soname}
	if len(paths) > 0 {
		err.Found = paths[0]
	}
	return err
}

// require raises the version of every relationship of a library's template.
func (s *search) require(template, minVersion, soname string) {
	for part := range strings.SplitSeq(template, ",") {
		if part = strings.Join(strings.Fields(part), " "); part != "" {
			s.raise(part, minVersion, soname).documented = true
		}
	}
}

func (s *search) raise(template, minVersion, soname string) *requirement {
	r := s.found[template]
	if r == nil {
		r = &requirement{sonames: map[string]bool{}}
		s.found[template] = r
	}
	r.sonames[soname] = true
	if r.minVersion == "" || debversion.Compare(minVersion, r.minVersion) > 0 {
		r.minVersion = minVersion
	}
	return r
}

func (s *search) result() []Dependency {
	var out []Dependency
	for template, r := range s.found {
		constraint := ""
		if r.minVersion != "" && r.minVersion != "0" {
			constraint = "(>= " + r.minVersion + ")"
		}
		relation := strings.Join(strings.Fields(strings.ReplaceAll(template, "#MINVER#", constraint)), " ")
		i := slices.IndexFunc(out, func(d Dependency) bool { return d.Relation == relation })
		if i < 0 {
			out = append(out, Dependency{Relation: relation, Undocumented: true})
			i = len(out) - 1
		}
		out[i].Undocumented = out[i].Undocumented && !r.documented
		out[i].Sonames = append(out[i].Sonames, slices.Collect(maps.Keys(r.sonames))...)
	}
	for i := range out {
		slices.Sort(out[i].Sonames)
		out[i].Sonames = slices.Compact(out[i].Sonames)
	}
	slices.SortFunc(out, func(a, b Dependency) int { return compareRelations(a.Relation, b.Relation) })
	return out
}

// compareRelations orders relationships as Dpkg::Deps does: by name, then by
// relation in the order below, then by the version's text.
func compareRelations(a, b string) int {
	as, bs := strings.Split(a, "|"), strings.Split(b, "|")
	return slices.CompareFunc(as, bs, func(a, b string) int {
		return slices.Compare(relationKey(a), relationKey(b))
	})
}

func relationKey(s string) []string {
	name, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	operator, version, _ := strings.Cut(strings.Trim(rest, "()"), " ")
	order := slices.Index([]string{"", ">=", ">>", "=", "<<", "<="}, operator)
	return []string{name, string(rune('a' + order)), version}
}
