package pkgspec

import (
	"fmt"
	"slices"
	"strings"
)

func publishShape() shape[PublishTarget] {
	return then(object(
		key("dir", text(), func(p *PublishTarget, v string) { p.Dir = v },
			"A repository in a folder, relative to the spec's.", `dir: /srv/apt`),
		key("s3", optional(s3Shape()), func(p *PublishTarget, v *S3Target) { p.S3 = v },
			"A repository in a bucket of S3 or of a store that speaks like it.", `s3: {bucket: apt-example}`),
		key("ssh", optional(sshShape()), func(p *PublishTarget, v *SSHTarget) { p.SSH = v },
			"A repository in a folder of another host.", `ssh: deploy@apt.example.org:/srv/apt`),
		key("aptly", optional(aptlyShape()), func(p *PublishTarget, v *AptlyTarget) { p.Aptly = v },
			"A server that aptly's API runs on.", `aptly: {url: "https://aptly.example.org", repo: internal}`),
		key("http", optional(httpShape()), func(p *PublishTarget, v *HTTPTarget) { p.HTTP = v },
			"A server that takes packages by PUT or POST: Artifactory, Nexus, Gitea, Forgejo and others.",
			`http: {url: "https://nexus.example.org/repository/apt/", method: POST}`),
		key("distribution", text(checkWord), func(p *PublishTarget, v string) { p.Distribution = v },
			"The suite.", `distribution: bookworm`),
		key("component", text(checkWord), func(p *PublishTarget, v string) { p.Component = v },
			"The component; main unless given.", `component: main`),
		key("sign", signShape(), func(p *PublishTarget, v []SignKey) { p.Sign = v },
			"The key that signs, or a list of them: while keys are changed, the old and the new one.", `sign: {key: /etc/envbuild/apt-signing.asc}`),
		key("create", optional(createShape()), func(p *PublishTarget, v *CreateRepository) { p.Create = v },
			"Makes the repository, or the distribution in it, if it isn't there.", `create: {architectures: [amd64]}`),
	), judgePublish)
}

func createShape() shape[CreateRepository] {
	return object(
		key("architectures", list(text(checkArchitecture)), func(c *CreateRepository, v []string) { c.Architectures = v },
			"Those of the servers; by default that of the machine.", `architectures: [amd64, arm64]`),
		key("origin", text(), func(c *CreateRepository, v string) { c.Origin = v },
			"Whose packages these are; by default the target's name. It can't be changed.", `origin: Example`),
		key("label", text(), func(c *CreateRepository, v string) { c.Label = v },
			"What they are; by default the origin. It can't be changed.", `label: Internal packages`),
		key("description", text(), func(c *CreateRepository, v string) { c.Description = v },
			"More about them.", `description: Packages of our own`),
		key("url", text(checkClientURL), func(c *CreateRepository, v string) { c.URL = v },
			"Where clients find the repository.", `url: "https://apt.example.org/internal"`),
		key("contents", boolean(), func(c *CreateRepository, v bool) { c.Contents = v },
			"Lists the packages' files too, for apt-file.", `contents: true`),
		key("key", boolean(), func(c *CreateRepository, v bool) { c.Key = v },
			"Makes the secret key too, if the file that sign names isn't there.", `key: true`),
	)
}

// judgeCreate checks that what is to be made can be made here.
func judgeCreate(d *decoder, n *Node, at string, p *PublishTarget) {
	f := n.field("create")
	switch {
	case f == nil:
	case p.Aptly != nil, p.HTTP != nil:
		d.fail(f.Key, join(at, "create"), "is for repositories that envbuild keeps: dir, s3 and ssh", "delete it")
	case len(p.Sign) == 0:
		d.fail(f.Key, join(at, "create"), "needs a key to sign with", "add it like this: sign: {key: /etc/envbuild/apt-signing.asc}")
	case p.Create != nil && p.Create.Key && (len(p.Sign) != 1 || p.Sign[0].Key == ""):
		d.fail(f.Value.field("key").Key, join(at, "create.key"), "needs one file to make: sign.key", "write it like this: sign: {key: apt-signing.asc}")
	}
}

// judgePublish checks that a target is of one kind and has what the kind needs.
func judgePublish(d *decoder, n *Node, at string, p *PublishTarget) bool {
	before := len(d.errs)
	kinds := []string{"dir", "s3", "ssh", "aptly", "http"}
	var given []*Node
	var names []string
	for _, f := range n.Fields {
		if slices.Contains(kinds, f.Key.Text) {
			given, names = append(given, f.Key), append(names, f.Key.Text)
		}
	}
	switch len(given) {
	case 0:
		d.fail(n, at, "doesn't say where packages go", "add one of "+strings.Join(kinds, ", ")+", like this: dir: /srv/apt")
		return false
	case 1:
	default:
		d.fail(given[1], at, "is both "+strings.Join(names, " and ")+", but a target is of one kind", "write a target of its own for each")
		return false
	}
	if p.Distribution == "" && p.needsDistribution() {
		d.fail(n, join(at, "distribution"), "is missing", "add it like this: distribution: bookworm")
	}
	wrongFor := func(key, why, hint string) {
		if f := n.field(key); f != nil {
			d.fail(f.Key, join(at, key), why, hint)
		}
	}
	switch {
	case p.Aptly != nil:
		wrongFor("component", "has no meaning for aptly, which keeps it with the publication", "delete it; `aptly publish repo -component=…` sets it")
		judgeAptlySign(d, n, at, p)
	case p.HTTP != nil:
		wrongFor("sign", "has no meaning for http: the server signs", "delete it")
	}
	judgeCreate(d, n, at, p)
	if p.Component == "" && p.Aptly == nil {
		p.Component = "main"
	}
	return len(d.errs) == before
}

// needsDistribution reports whether the target can't do without one.
func (p *PublishTarget) needsDistribution() bool {
	if p.HTTP == nil {
		return true
	}
	return slices.ContainsFunc(p.HTTP.templates(), func(v Value) bool { return slices.Contains(v.Refs(), "distribution") })
}

// templates are all of a target's.
func (h *HTTPTarget) templates() []Value {
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

func judgeAptlySign(d *decoder, n *Node, at string, p *PublishTarget) {
	const hint = "name a key of the gpg on aptly's server: sign: {gpg: ops@example.org}"
	switch {
	case len(p.Sign) == 0:
	case p.Aptly.Unsigned:
		d.fail(n.field("sign").Key, join(at, "sign"), "contradicts aptly.unsigned", "delete one of the two")
	case len(p.Sign) > 1:
		d.fail(n.field("sign").Key, join(at, "sign"), "has several keys, but aptly signs with one", hint)
	case p.Sign[0].GPG == "":
		d.fail(n.field("sign").Key, join(at, "sign"), "must name a key of gpg: aptly signs on its server", hint)
	}
}

func signShape() shape[[]SignKey] {
	one := then(object(
		key("key", text(), func(k *SignKey, v string) { k.Key = v },
			"The file of a secret key, relative to the spec's folder.", `key: /etc/envbuild/apt-signing.asc`),
		key("gpg", word(), func(k *SignKey, v string) { k.GPG = v },
			"A key that gpg has: a fingerprint or an address.", `gpg: ops@example.org`),
		key("command", list(text()), func(k *SignKey, v []string) { k.Command = v },
			"A program and its arguments that sign.", `command: [apt-sign, --key, internal]`),
	), judgeSignKey)
	several := list(one)
	return shape[[]SignKey]{
		schema: schema{OneOf: []schema{one.schema, several.schema}},
		read: func(d *decoder, n *Node, at string) ([]SignKey, bool) {
			if n.Kind == List {
				return several.read(d, n, at)
			}
			k, ok := one.read(d, n, at)
			return []SignKey{k}, ok
		},
	}
}

func judgeSignKey(d *decoder, n *Node, at string, _ *SignKey) bool {
	if len(n.Fields) == 1 && (n.Fields[0].Value.Kind != List || len(n.Fields[0].Value.Items) > 0) {
		return true
	}
	message := "names no key"
	if len(n.Fields) > 1 {
		message = "names more than one key"
	}
	d.fail(n, at, message, "write one of key, gpg and command; several keys are a list: [{key: old.asc}, {key: new.asc}]")
	return false
}

func s3Shape() shape[S3Target] {
	return object(
		key("bucket", text(checkBucket), func(s *S3Target, v string) { s.Bucket = v },
			"The bucket.", `bucket: apt-example`).must(),
		key("prefix", text(checkKeyPrefix), func(s *S3Target, v string) { s.Prefix = v },
			"The folder in the bucket.", `prefix: debian`),
		key("endpoint", text(checkBaseURL), func(s *S3Target, v string) { s.Endpoint = strings.TrimSuffix(v, "/") },
			"The address of a store that isn't Amazon's.", `endpoint: "https://s3.example.org"`),
		key("region", text(checkWord), func(s *S3Target, v string) { s.Region = v },
			"The region; AWS_REGION and ~/.aws/config are read otherwise.", `region: eu-central-1`),
	)
}

func sshShape() shape[SSHTarget] {
	address := text(checkSSHAddress)
	fields := object(
		key("host", text(checkHost), func(s *SSHTarget, v string) { s.Host = v },
			"A name, an address or an alias of ~/.ssh/config.", `host: apt.example.org`).must(),
		key("user", text(checkLogin), func(s *SSHTarget, v string) { s.User = v }, "Whom to log in as.", `user: deploy`),
		key("port", integer(1, 65535), func(s *SSHTarget, v int) { s.Port = v }, "The port.", `port: 22`),
		key("path", text(checkRemotePath), func(s *SSHTarget, v string) { s.Path = v },
			"The folder there.", `path: /srv/apt`).must(),
	)
	return shape[SSHTarget]{
		schema: schema{OneOf: []schema{address.schema, fields.schema}},
		read: func(d *decoder, n *Node, at string) (SSHTarget, bool) {
			if n.Kind == Map {
				return fields.read(d, n, at)
			}
			s, ok := address.read(d, n, at)
			if !ok {
				return SSHTarget{}, false
			}
			t, _ := parseSSHAddress(s)
			return t, true
		},
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
			"Headers of the request; a secret is no header but auth.", `headers: {X-Checksum-Sha256: "${sha256}"}`),
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
				hint := "known here: " + strings.Join(known, ", ")
				if near := nearest(ref, known); near != "" {
					hint = fmt.Sprintf("did you mean ${%s}?", near)
				}
				d.fail(n, at, "refers to "+ref+", which is no placeholder", hint)
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
