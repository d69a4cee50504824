package pkgspec

import "strings"

// publishKind is a kind of targets. A new one is a file, and a row of
// publishKinds; deb/publish/target has a table of the same kinds that opens them.
type publishKind struct {
	// key reads what stands at the kind's key into Where.
	key field[PublishTarget]
	// managed says that the repository is managed by its own server.
	managed bool
	// ownComponent says that the kind knows the component itself.
	ownComponent bool
	// noDistribution reports whether a target can do without one; nil is never.
	noDistribution func(*PublishTarget) bool
	// check refuses what has no meaning for the kind. It may be nil.
	check func(publishJudge)
}

func publishKinds() []publishKind {
	return []publishKind{dirKind(), s3Kind(), sshKind(), aptlyKind(), httpKind()}
}

// PublishKinds are the keys of the kinds of targets.
func PublishKinds() []string {
	var names []string
	for _, k := range publishKinds() {
		names = append(names, k.key.key)
	}
	return names
}

// place declares a kind's key.
func place[P PublishPlace](name string, s shape[P], doc, example string) field[PublishTarget] {
	s.absent = nil // a target has one of these keys
	return key(name, s, func(p *PublishTarget, v P) { p.Where = v }, doc, example)
}

func publishShape() shape[PublishTarget] {
	var keys []field[PublishTarget]
	for _, k := range publishKinds() {
		keys = append(keys, k.key)
	}
	return then(object(append(keys,
		key("distribution", text(checkWord), func(p *PublishTarget, v string) { p.Distribution = v },
			"The suite.", `distribution: bookworm`),
		key("component", text(checkWord), func(p *PublishTarget, v string) { p.Component = v },
			"The component; main unless given.", `component: main`),
		key("sign", signShape(), func(p *PublishTarget, v []SignKey) { p.Sign = v },
			"The key that signs, or a list of them: while keys are changed, the old and the new one.", `sign: {key: /etc/envbuild/apt-signing.asc}`),
		key("create", optional(createShape()), func(p *PublishTarget, v *CreateRepository) { p.Create = v },
			"Makes the repository, or the distribution in it, if it isn't there.", `create: {architectures: [amd64]}`),
	)...), judgePublish)
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

// publishJudge judges one target.
type publishJudge struct {
	*decoder
	node   *Node
	at     string
	target *PublishTarget
}

// field is what the target has at a key, or nil.
func (j publishJudge) field(key string) *Field { return j.node.field(key) }

func (j publishJudge) fail(n *Node, key, message, hint string) {
	j.decoder.fail(n, join(j.at, key), message, hint)
}

// judgePublish checks that a target is of one kind and has what the kind needs.
func judgePublish(d *decoder, n *Node, at string, p *PublishTarget) bool {
	before := len(d.errs)
	j := publishJudge{d, n, at, p}
	kind, ok := j.kind()
	if !ok {
		return false
	}
	if p.Distribution == "" && (kind.noDistribution == nil || !kind.noDistribution(p)) {
		j.fail(n, "distribution", "is missing", "add it like this: distribution: bookworm")
	}
	if kind.check != nil {
		kind.check(j)
	}
	j.judgeCreate(kind)
	if p.Component == "" && !kind.ownComponent {
		p.Component = "main"
	}
	return len(d.errs) == before
}

// kind is the one of which the target is.
func (j publishJudge) kind() (kind publishKind, ok bool) {
	var given []string
	var last *Node
	for _, k := range publishKinds() {
		if f := j.field(k.key.key); f != nil {
			given, last, kind = append(given, k.key.key), f.Key, k
		}
	}
	switch len(given) {
	case 0:
		j.decoder.fail(j.node, j.at, "doesn't say where packages go", "add one of "+strings.Join(PublishKinds(), ", ")+", like this: dir: /srv/apt")
	case 1:
		return kind, true
	default:
		j.decoder.fail(last, j.at, "is both "+strings.Join(given, " and ")+", but a target is of one kind", "write a target of its own for each")
	}
	return kind, false
}

// judgeCreate checks that what is to be made can be made here.
func (j publishJudge) judgeCreate(kind publishKind) {
	f, p := j.field("create"), j.target
	switch {
	case f == nil:
	case kind.managed:
		j.fail(f.Key, "create", "has no meaning for "+kind.key.key+": the repository is managed by its own server", "delete it")
	case len(p.Sign) == 0:
		j.fail(f.Key, "create", "needs a key to sign with", "add it like this: sign: {key: /etc/envbuild/apt-signing.asc}")
	case p.Create != nil && p.Create.Key && (len(p.Sign) != 1 || p.Sign[0].Key == ""):
		j.fail(f.Value.field("key").Key, "create.key", "needs one file to make: sign.key", "write it like this: sign: {key: apt-signing.asc}")
	}
}

func signShape() shape[[]SignKey] {
	one := then(object(
		key("key", text(), func(k *SignKey, v string) { k.Key = v },
			"The file of a secret key, relative to the spec's directory.", `key: /etc/envbuild/apt-signing.asc`),
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
