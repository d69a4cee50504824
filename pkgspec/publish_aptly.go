package pkgspec

import (
	"path"
	"strings"
)

// AptlyTarget is a local repository of an aptly server, and where it is published.
type AptlyTarget struct {
	// URL is the base of the API, without the /api.
	URL string
	// Repo is the local repository's name.
	Repo string
	// Prefix is that of the publication; "." is the top.
	Prefix string
	// Unsigned leaves the publication without a signature.
	Unsigned bool
}

// Kind implements PublishPlace.
func (AptlyTarget) Kind() string { return "aptly" }

func aptlyKind() publishKind {
	return publishKind{
		key: place("aptly", aptlyShape(), "A server that aptly's API runs on.",
			`aptly: {url: "https://aptly.example.org", repo: internal}`),
		managed: true, ownComponent: true, check: checkAptly,
	}
}

func checkAptly(j publishJudge) {
	if f := j.field("component"); f != nil {
		j.fail(f.Key, "component", "has no meaning for aptly, which keeps it with the publication", "delete it; `aptly publish repo -component=…` sets it")
	}
	const hint = "name a key of the gpg on aptly's server: sign: {gpg: ops@example.org}"
	p := j.target
	switch {
	case len(p.Sign) == 0:
	case p.Where.(AptlyTarget).Unsigned:
		j.fail(j.field("sign").Key, "sign", "contradicts aptly.unsigned", "delete one of the two")
	case len(p.Sign) > 1:
		j.fail(j.field("sign").Key, "sign", "has several keys, but aptly signs with one", hint)
	case p.Sign[0].GPG == "":
		j.fail(j.field("sign").Key, "sign", "must name a key of gpg: aptly signs on its server", hint)
	}
}

func aptlyShape() shape[AptlyTarget] {
	return object(
		key("url", text(checkBaseURL), func(a *AptlyTarget, v string) { a.URL = strings.TrimSuffix(v, "/") },
			"The address of aptly's server, without /api.", `url: "https://aptly.example.org"`).must(),
		key("repo", text(checkAptlyName), func(a *AptlyTarget, v string) { a.Repo = v },
			"The local repository there.", `repo: internal`).must(),
		key("prefix", or(text(checkAptlyPrefix), "."), func(a *AptlyTarget, v string) { a.Prefix = v },
			"The prefix of the publication; . is the top.", `prefix: debian`),
		key("unsigned", boolean(), func(a *AptlyTarget, v bool) { a.Unsigned = v },
			"Leaves the publication without a signature.", `unsigned: false`),
	)
}

func checkAptlyName(s string) problem {
	return expect(matches(`[A-Za-z0-9][A-Za-z0-9_.+-]*`, s), s, "a valid name of an aptly repository", "")
}

func checkAptlyPrefix(s string) problem {
	const storage = `((s3|swift|azure|filesystem):[A-Za-z0-9_.-]+:)?`
	return expect(matches(storage+`(\.|[A-Za-z0-9][A-Za-z0-9/_.+-]*)`, s) && path.Clean(s) == s, s, "a valid prefix of a publication",
		"write it without a slash at either end; . is the top")
}
