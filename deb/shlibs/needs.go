package shlibs

import "strings"

// Need is one library that a file loads, and who has it.
type Need struct {
	// File is the path of the file in the package, Soname what it asks for.
	File, Soname string
	// Inside says that the package has the library.
	Inside bool
	// Found is the library's path on the system, or empty.
	Found string
	// Packages are the names of the Debian packages that have Found.
	Packages []string
}

// Needs tells for each library of each file where it comes from. The arguments
// are those of Depends; what isn't found is no error.
func Needs(root string, files []ELF, private []string) ([]Need, error) {
	s, objects, err := newSearch(root, files, private)
	if err != nil {
		return nil, err
	}
	var out []Need
	for _, o := range objects {
		for _, soname := range o.needed {
			out = append(out, s.need(o, soname))
		}
	}
	return out, nil
}

func (s *search) need(o *object, soname string) Need {
	n := Need{File: o.Path, Soname: soname, Inside: s.isInside(o, soname)}
	if n.Inside {
		return n
	}
	for _, lib := range s.db.find(soname, o.searchPath(), o.abi) {
		if n.Found == "" {
			n.Found = lib
		}
		for _, owner := range s.db.ownersOf(lib) {
			name, _, _ := strings.Cut(owner, ":")
			n.Packages = append(n.Packages, name)
		}
		if len(n.Packages) > 0 {
			n.Found = lib
			return n
		}
	}
	// A program's own search path holds for the modules that it loads, too.
	n.Inside = s.isNamedInside(soname)
	return n
}
