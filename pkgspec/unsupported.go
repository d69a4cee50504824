package pkgspec

// Use is what someone wants to do with a spec.
type Use int

// The uses of a spec.
const (
	// UseBuild is to lock, build and run locally.
	UseBuild Use = iota
	// UseDeb is to make packages.
	UseDeb
	// UsePublish is to publish packages that are there, whoever made them.
	UsePublish
)

// Unsupported names what the spec asks of a use that this version of envbuild
// doesn't do yet, in the order of the spec; nil if there is nothing. What a use
// doesn't touch doesn't disturb it: publishing is no matter for a build.
func (s *Spec) Unsupported(use Use) Errors {
	var errs Errors
	if use == UsePublish {
		return nil
	}
	missing := func(what, hint string, path ...string) {
		errs = append(errs, s.ErrorAt(what+" not supported by this version of envbuild yet", hint, path...))
	}
	if l := s.Runtime.Language; l != "perl" {
		missing("the language "+l+" is", "perl is", "runtime", l)
	}
	for _, o := range s.Dependencies.Others {
		missing("dependencies from "+o.Name+" are", "those from cpan are", "dependencies", o.Name)
	}
	return errs.sorted()
}

// Incomplete names what the spec leaves out that a use needs, nil if nothing. A
// version isn't asked for, because the command line can give it.
func (s *Spec) Incomplete(use Use) Errors {
	var errs Errors
	switch use {
	case UseBuild:
		return nil
	case UsePublish:
		if len(s.Publish) == 0 {
			errs = append(errs, s.ErrorAt("names no repository to publish to", "add one like this: publish: {internal: {dir: /srv/apt, distribution: bookworm}}", "publish"))
		}
		return errs
	}
	if s.Maintainer == "" {
		errs = append(errs, s.ErrorAt("a package needs a maintainer", "add it like this: maintainer: Ops Team <ops@example.org>"))
	}
	if s.Description == "" {
		errs = append(errs, s.ErrorAt("a package needs a description", "add it like this: description: The web application of some project"))
	}
	return errs
}
