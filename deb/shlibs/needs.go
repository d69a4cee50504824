package shlibs

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
// are those of Depends; what isn't found is left out.
func Needs(sys System, files []ELF, private []string) ([]Need, error) {
	s, objects, err := newSearch(sys, files, private)
	if err != nil {
		return nil, err
	}
	var out []Need
	for _, o := range objects {
		for _, soname := range o.needed {
			n, err := s.need(o, soname)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
	}
	return out, nil
}

func (s *search) need(o *object, soname string) (Need, error) {
	n := Need{File: o.Path, Soname: soname, Inside: s.isInside(o, soname)}
	if n.Inside {
		return n, nil
	}
	for _, lib := range s.db.find(soname, o.searchPath(), o.abi) {
		if n.Found == "" {
			n.Found = lib
		}
		owners, err := s.db.packages.LibraryOwners(lib)
		if err != nil {
			return n, err
		}
		for _, o := range owners {
			n.Packages = append(n.Packages, o.Name)
		}
		if len(n.Packages) > 0 {
			n.Found = lib
			return n, nil
		}
	}
	// A program's own search path holds for the modules that it loads, too.
	n.Inside = s.isNamedInside(soname)
	return n, nil
}
