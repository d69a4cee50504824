package pkgspec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/envbuild/envbuild/internal/tree"
)

// ProjectBase is the variable that names the application's directory: the checkout,
// or the application on a server (design.md §4).
const ProjectBase = "PROJECT_BASE"

// BuiltinRefs are the variables to which a value may refer though the spec
// doesn't set them: PROJECT_BASE, and those of the caller that a login and a
// unit with a user both have. Any other variable of the caller's may be absent on
// the server, where ${TMPDIR}/x would silently become /x.
func BuiltinRefs() []string { return []string{ProjectBase, "HOME", "LOGNAME", "PATH", "USER"} }

func judgeSource(d *decoder, n *Node, at string, o *RuntimeOptions) bool {
	switch {
	case o.Source != "" && o.SHA256 == "":
		d.fail(n.field("source").Key, join(at, "source"), "needs sha256 beside it", "add the SHA-256 of the archive; sha256sum prints it")
	case o.Source == "" && o.SHA256 != "":
		d.fail(n.field("sha256").Key, join(at, "sha256"), "needs source beside it", "add the address of the archive, or leave both out")
	default:
		return true
	}
	return false
}

// finish checks and fills in what depends on several sections.
func (s *Spec) finish(d *decoder, languages []Language) {
	if s.Package.Prefix == "" {
		s.Package.Prefix = "/opt/" + s.Name
		if p := checkPrefix(s.Package.Prefix); p.message != "" {
			d.fail(d.doc.find([]string{"name"}), "name", "the default prefix can't be used: "+p.message, "set package.prefix")
		}
	}
	for i := range s.Runtimes {
		s.finishRuntime(d, &s.Runtimes[i])
	}
	known := s.checkEnv(d, []string{"env"}, s.Env, BuiltinRefs())
	s.finishServices(d, known)
	s.finishLanguages(d, languages)
}

// finishRuntime checks what only a runtime that is a package of its own can have.
func (s *Spec) finishRuntime(d *decoder, r *Runtime) {
	place := func(key string) (*Node, string) {
		path := r.Path(key)
		return d.doc.find(path), strings.Join(path, ".")
	}
	if r.As != AsPackage {
		section := d.doc.root
		for _, key := range r.path {
			section = section.Get(key)
		}
		for _, key := range []string{"prefix", "revision", "maintainer"} {
			if section.Get(key) != nil {
				n, at := place(key)
				d.fail(n, at, "is for a runtime that is a package of its own",
					"add as: package, or delete it; a bundled runtime is part of the project's package")
			}
		}
		return
	}
	if r.Maintainer == "" {
		r.Maintainer = s.Maintainer
	}
	if p, q := r.Prefix, s.Package.Prefix; p != "" && (tree.Within(p, q) || tree.Within(q, p)) {
		n, at := place("prefix")
		d.fail(n, at, quote(p)+" overlaps with package.prefix, "+quote(q), "two packages can't own the same directory: choose another for one of them")
	}
}

// checkEnv checks that each variable refers to earlier ones and returns the names
// that are known after the last.
func (s *Spec) checkEnv(d *decoder, path []string, vars []EnvVar, known []string) []string {
	known = slices.Clone(known)
	for _, v := range vars {
		for i, value := range v.Values {
			place := append(slices.Clone(path), v.Name)
			if v.List {
				place = append(place, fmt.Sprint(i))
			}
			checkRefs(d, place, value, known)
		}
		known = append(known, v.Name)
	}
	return known
}

func checkRefs(d *decoder, path []string, v Value, known []string) {
	for _, ref := range v.Refs() {
		if slices.Contains(known, ref) {
			continue
		}
		hint := "a value refers to earlier variables of env and to " + strings.Join(BuiltinRefs(), ", ") + "; a list adds to what a variable holds"
		if near := nearest(ref, known); near != "" {
			hint = fmt.Sprintf("did you mean ${%s}?", near)
		}
		d.fail(d.doc.find(path), strings.Join(path, "."), "refers to "+ref+", which is not set above it", hint)
	}
}
