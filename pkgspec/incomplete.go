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
