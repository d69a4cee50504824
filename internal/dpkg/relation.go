package dpkg

import "strings"

// Relation is what a package asks of another: "libc6:any (>= 2.34)".
type Relation struct {
	// Name is the package's, or that of a virtual one.
	Name string
	// Arch is the architecture behind the colon: "any", "native", "amd64", or "".
	Arch string
	// Operator is one of <<, <=, =, >=, >>, and Version what it compares with. Both
	// are empty where any version will do.
	Operator, Version string
}

// String returns the relation as a control file has it.
func (r Relation) String() string {
	s := r.Name
	if r.Arch != "" {
		s += ":" + r.Arch
	}
	if r.Operator != "" {
		s += " (" + r.Operator + " " + r.Version + ")"
	}
	return s
}

// Alternatives are relations of which one is enough.
type Alternatives []Relation

// ParseRelations reads a field such as Depends: "a | b (>= 1), c:any". What is not
// a relation is left out, as are restrictions to architectures and build profiles,
// which packages that are built don't have.
func ParseRelations(text string) []Alternatives {
	var out []Alternatives
	for part := range strings.SplitSeq(text, ",") {
		var some Alternatives
		for alternative := range strings.SplitSeq(part, "|") {
			if r := parseRelation(alternative); r.Name != "" {
				some = append(some, r)
			}
		}
		if len(some) > 0 {
			out = append(out, some)
		}
	}
	return out
}

func parseRelation(text string) Relation {
	const space = " \t\r\n"
	text = strings.Trim(text, space)
	end := strings.IndexAny(text, space+"([<")
	if end < 0 {
		end = len(text)
	}
	var r Relation
	r.Name, r.Arch, _ = strings.Cut(text[:end], ":")
	rest := strings.TrimLeft(text[end:], space)
	version, ok := strings.CutPrefix(rest, "(")
	if !ok {
		return r
	}
	version, _, _ = strings.Cut(version, ")")
	version = strings.Trim(version, space)
	operator := len(version) - len(strings.TrimLeft(version, "<=>"))
	r.Operator, r.Version = version[:operator], strings.TrimLeft(version[operator:], space)
	if r.Operator == "" || r.Version == "" {
		r.Operator, r.Version = "", ""
	}
	return r
}

// Names returns the names of all packages in a field of relations, alternatives
// included: "a | b (>= 1), c:any" names a, b and c.
func Names(relations string) []string {
	var out []string
	for _, some := range ParseRelations(relations) {
		for _, r := range some {
			out = append(out, r.Name)
		}
	}
	return out
}
