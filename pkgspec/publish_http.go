package pkgspec

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// HTTPTarget is a server that takes a package in one request. URL, Download, the
// headers and the fields may refer to the placeholders that PublishPlaceholders
// lists.
type HTTPTarget struct {
	// Method is PUT or POST.
	Method string
	// URL is where a package is sent.
	URL Value
	// Download is where it can be had afterwards; empty if that isn't known.
	Download Value
	// Headers are in the order of the spec.
	Headers []TemplateVar
	// Form is nil if the package is the body of the request.
	Form *HTTPForm
	Auth HTTPAuth
}

// HTTPForm sends a package as one part of multipart/form-data.
type HTTPForm struct {
	// File is the name of the part with the package.
	File string
	// Fields are the other parts, in the order of the spec.
	Fields []TemplateVar
}

// TemplateVar is a header or a field of a form.
type TemplateVar struct {
	Name  string
	Value Value
}

// HTTPAuth says how a request is authorized.
type HTTPAuth struct {
	Kind AuthKind
	// Header and Scheme are for AuthHeader: the header that holds the token, and
	// the word before it, or nothing.
	Header, Scheme string
}

// AuthKind is a way to authorize requests.
type AuthKind string

// The kinds of authorization.
const (
	// AuthAuto sends a name and a password if there are any for the target.
	AuthAuto AuthKind = "auto"
	// AuthNone sends nothing.
	AuthNone AuthKind = "none"
	// AuthBasic needs a name and a password.
	AuthBasic AuthKind = "basic"
	// AuthBearer needs a token.
	AuthBearer AuthKind = "bearer"
	// AuthHeader needs a token, which goes into a header of its own.
	AuthHeader AuthKind = "header"
)

// PublishPlaceholders are the names to which templates of a target may refer:
// the package's own, the first letter of its name, its file's name and SHA-256,
// and the target's distribution and component.
func PublishPlaceholders() []string {
	return []string{"name", "initial", "version", "arch", "file", "sha256", "distribution", "component"}
}

// Kind implements PublishPlace.
func (HTTPTarget) Kind() string { return "http" }

func httpKind() publishKind {
	return publishKind{
		key: place("http", httpShape(), "A server that takes packages by PUT or POST: Artifactory, Nexus, Gitea, Forgejo and others.",
			`http: {url: "https://nexus.example.org/repository/apt/", method: POST}`),
		managed: true,
		noDistribution: func(p *PublishTarget) bool {
			return !slices.ContainsFunc(p.Where.(HTTPTarget).templates(), func(v Value) bool { return slices.Contains(v.Refs(), "distribution") })
		},
		check: func(j publishJudge) {
			if f := j.field("sign"); f != nil {
				j.fail(f.Key, "sign", "has no meaning for http: the server signs", "delete it")
			}
		},
	}
}

// templates are all of a target's.
func (h HTTPTarget) templates() []Value {
	out := []Value{h.URL, h.Download}
	for _, v := range h.Headers {
		out = append(out, v.Value)
	}
	if h.Form != nil {
		for _, v := range h.Form.Fields {
			out = append(out, v.Value)
		}
	}
	return out
}

func httpShape() shape[HTTPTarget] {
	return object(
		key("method", or(enum("PUT", "POST"), "PUT"), func(h *HTTPTarget, v string) { h.Method = v },
			"How a package is sent.", `method: PUT`),
		key("url", templateShape(checkTemplateURL), func(h *HTTPTarget, v Value) { h.URL = v },
			"Where a package is sent. ${name}, ${initial}, ${version}, ${arch}, ${file}, ${sha256}, ${distribution} and ${component} stand for the package's.",
			`url: "https://apt.example.org/upload/${file}"`).must(),
		key("download", templateShape(checkTemplateURL), func(h *HTTPTarget, v Value) { h.Download = v },
			"Where the package can be had afterwards, which tells whether it is there already.",
			`download: "https://apt.example.org/pool/${file}"`),
		key("headers", named(checkHeaderName, templateVarShape(), setTemplateName), func(h *HTTPTarget, v []TemplateVar) { h.Headers = v },
			"Headers of the request; a secret belongs to auth.", `headers: {X-Checksum-Sha256: "${sha256}"}`),
		key("form", optional(object(
			key("file", text(checkFieldName), func(f *HTTPForm, v string) { f.File = v },
				"The name of the part with the package.", `file: package`).must(),
			key("fields", named(checkSecretFree, templateVarShape(), setTemplateName), func(f *HTTPForm, v []TemplateVar) { f.Fields = v },
				"The other parts.", `fields: {arch: "${arch}"}`),
		)), func(h *HTTPTarget, v *HTTPForm) { h.Form = v },
			"Sends the package as a part of a form instead of as the body.", `form: {file: package}`),
		key("auth", or(authShape(), HTTPAuth{Kind: AuthAuto}), func(h *HTTPTarget, v HTTPAuth) { h.Auth = v },
			"How requests are authorized. The secrets come from the environment or ~/.netrc.", `auth: basic`),
	)
}

func authShape() shape[HTTPAuth] {
	word := enum(AuthAuto, AuthNone, AuthBasic, AuthBearer)
	header := object(
		key("header", text(checkHeaderToken), func(a *HTTPAuth, v string) { a.Kind, a.Header = AuthHeader, v },
			"The header that holds the token.", `header: X-JFrog-Art-Api`).must(),
		key("scheme", text(checkHeaderToken), func(a *HTTPAuth, v string) { a.Scheme = v },
			"The word before the token.", `scheme: token`),
	)
	return shape[HTTPAuth]{
		schema: schema{OneOf: []schema{word.schema, header.schema}},
		read: func(d *decoder, n *Node, at string) (HTTPAuth, bool) {
			if n.Kind == Map {
				return header.read(d, n, at)
			}
			k, ok := word.read(d, n, at)
			return HTTPAuth{Kind: k}, ok
		},
	}
}

func setTemplateName(v *TemplateVar, name string) { v.Name = name }

func templateVarShape() shape[TemplateVar] {
	value := templateShape(checkHeaderValue)
	return shape[TemplateVar]{schema: value.schema, read: func(d *decoder, n *Node, at string) (TemplateVar, bool) {
		v, ok := value.read(d, n, at)
		return TemplateVar{Value: v}, ok
	}}
}

// templateShape is a string in which ${NAME} refers to a placeholder. The check
// sees it with x in the place of each.
func templateShape(judge check) shape[Value] {
	return then(valueShape(), func(d *decoder, n *Node, at string, v *Value) bool {
		for _, ref := range v.Refs() {
			if known := PublishPlaceholders(); !slices.Contains(known, ref) {
				hint := "expected " + alternatives(known)
				if near := nearest(ref, known); near != "" {
					hint = fmt.Sprintf("did you mean ${%s}?", near)
				}
				d.fail(n, at, "refers to "+ref+", which is not a placeholder", hint)
				return false
			}
		}
		if p := judge(v.Expand(func(string) string { return "x" })); p.message != "" {
			d.fail(n, at, p.message, p.hint)
			return false
		}
		return true
	})
}

// checkTemplateURL accepts what a template of an address may look like.
func checkTemplateURL(s string) problem {
	if p := checkWebURL(s); p.message != "" {
		return p
	}
	u, _ := url.Parse(s)
	for name := range u.Query() {
		if p := checkSecretFree(name); p.message != "" {
			return problem{"contains the parameter " + quote(name) + ", which is a secret", secretHint}
		}
	}
	return expect(u.Fragment == "", s, "an address to send to", "write it without #")
}

// checkHeaderToken accepts a token of RFC 9110.
func checkHeaderToken(s string) problem {
	return expect(matches("[A-Za-z0-9!#$%&'*+.^_`|~-]+", s), s, "a valid token of an HTTP header", "")
}

// checkHeaderName also refuses the headers that hold secrets, and those that the
// request itself decides.
func checkHeaderName(s string) problem {
	if p := checkHeaderToken(s); p.message != "" {
		return p
	}
	switch strings.ToLower(s) {
	case "host", "content-length", "transfer-encoding", "connection", "expect", "trailer":
		return problem{quote(s) + " is set by envbuild", "delete it"}
	}
	return checkSecretFree(s)
}

func checkHeaderValue(s string) problem {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return problem{message: "contains a line break or another control character"}
	}
	return problem{}
}
