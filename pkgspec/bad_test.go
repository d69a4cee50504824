package pkgspec

import "strings"

// badSpec is a spec with something wrong. Unless it is whole, it follows the
// minimal spec of two lines.
type badSpec struct {
	name, text string
	whole      bool
}

// badSpecs are what testdata/bad.golden has the errors of.
func badSpecs() []badSpec {
	return []badSpec{
		{name: "empty", text: "", whole: true},
		{name: "only comments", text: "# nothing\n", whole: true},
		{name: "only a marker", text: "---", whole: true},
		{name: "a scalar", text: "hello\n", whole: true},
		{name: "a list", text: "- name: app\n", whole: true},
		{name: "no runtime", text: "name: app\n", whole: true},
		{name: "unknown key, near", text: "dependancies: {}\n"},
		{name: "unknown key, far", text: "colour: red\n"},
		{name: "unknown nested key", text: "dependencies:\n  cpan:\n    cpanfle: x\n"},
		{name: "unknown key after umlauts", text: "app: {files: [\"äöü\"], fils: [x]}\n"},
		{name: "duplicate key", text: "version: 1\nversion: 2\n"},
		{name: "anchor", text: "version: &v 1\n"},
		{name: "alias", text: "app:\n  files: [*.psgi]\n"},
		{name: "merge key", text: "package:\n  <<: {section: web}\n"},
		{name: "tag", text: "version: !!str 1\n"},
		{name: "complex key", text: "? [a]\n: b\n"},
		{name: "null key", text: "~: b\n"},
		{name: "second document", text: "---\nname: other\n"},
		{name: "tab", text: "app:\n\tfiles: [x]\n"},
		{name: "wrong indentation", text: "version: 1\n  maintainer: x\n"},
		{name: "colon in a value", text: "description: web: the application\n"},
		{name: "unclosed quote", text: "description: \"web\n"},
		{name: "unclosed list", text: "env_files: [x\nversion: 1\n"},
		{name: "NUL", text: "env: {A: \"x\\0y\"}\n"},
		{name: "not UTF-8", text: "description: caf\xe9\n"},
		{name: "merge conflict", text: "<<<<<<< HEAD\nversion: 1\n=======\nversion: 2\n>>>>>>> theirs\n"},
		{name: "nested too deeply", text: "env_files: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000)},
		{name: "unquoted reference in a list", text: "services:\n  web: {run: [x, ${PORT}]}\n"},
		{name: "too big", text: "# " + strings.Repeat("x", maxSpecBytes), whole: true},
		{name: "several at once", text: "name: My App\nruntime: {perl: latest, as: shared}\nversion: v1\nenv: {1A: x}\n", whole: true},

		{name: "name is a number", text: "name: 42\nruntime: {perl: 5}\n", whole: true},
		{name: "version", text: "version: 1:2.0\n"},
		{name: "version is a list", text: "version: [1]\n"},
		{name: "version from svn", text: "version: {svn: info}\n"},
		{name: "version from git", text: "version: {git: tag}\n"},
		{name: "unchecked is relative", text: "package: {unchecked: [vendor]}\n"},
		{name: "unchecked with a bad pattern", text: "package: {unchecked: [\"/opt/x[\", /opt//x]}\n"},
		{name: "maintainer", text: "maintainer: ops@example.org\n"},
		{name: "description", text: "description: \"  \"\n"},

		{name: "unquoted constraint", text: "name: app\nruntime:\n  perl: >=5.30 <5.40\n", whole: true},
		{name: "perl's decimal version", text: "name: app\nruntime: {perl: \">=5.030\"}\n", whole: true},
		{name: "no language", text: "name: app\nruntime: {as: bundled}\n", whole: true},
		{name: "two languages", text: "name: app\nruntime: {perl: 5, node: 22}\n", whole: true},
		{name: "runtime is a string", text: "name: app\nruntime: perl\n", whole: true},
		{name: "source without sha256", text: "name: app\nruntime: {perl: 5.36.0, options: {source: https://x.org/p.tar.xz}}\n", whole: true},
		{name: "sha256 without source", text: "name: app\nruntime:\n  perl: 5\n  options:\n    sha256: " + strings.Repeat("0", 64) + "\n", whole: true},
		{name: "source with a range", text: "name: app\nruntime:\n  perl: \"~5.36\"\n  options: {source: https://x.org/p, sha256: " + strings.Repeat("0", 64) + "}\n", whole: true},
		{name: "sha256", text: "name: app\nruntime: {perl: 5, options: {sha256: abc}}\n", whole: true},
		{name: "options", text: "name: app\nruntime: {perl: 5, options: {threads: maybe, patches: [../x, /y], configure: -Dx}}\n", whole: true},
		{name: "runtime prefix of a bundled runtime", text: "name: app\nruntime: {perl: 5, prefix: /opt/perl}\n", whole: true},

		{name: "cpan", text: "dependencies:\n  cpan:\n    without: [tests]\n    cpanfile: /etc/cpanfile\n    features: sqlite\n"},
		{name: "mirrors", text: "dependencies:\n  cpan:\n    mirrors: [\"ftp://x.org/\", /srv/cpan, https://user:secret@x.org/, \"http://\", \"http://a b/\"]\n"},
		{name: "build help", text: "dependencies:\n  cpan:\n    build:\n      DBD::mysql: {}\n      Moo: {env: {A-B: x, C: \"${D}\", E: \"a$b\"}, apt: [Lib], needs: [\"a b\"], jobs: 2}\n"},
		{name: "ecosystem", text: "dependencies: {rubygems: {}}\n"},

		{name: "app", text: "app:\n  files: [/etc, ../x, \"a[b\", \"**.t\", \"a//b\", \"\"]\n  exclude: x\n  base: srv/x\n"},

		{name: "env", text: "env:\n  A B: x\n  C:\n  D: {x: y}\n  PROJECT_BASE: /x\n"},
		{name: "references", text: "env:\n  A: ${B}\n  B: pa$word\n  C: ${B:-x}\n  D: ${B\n  E: $B\n"},
		{name: "unknown reference", text: "env:\n  PLACK_PORT: 1\n  URL: http://x:${PLACK_PROT}/\n  T: ${TMPDIR}\n  LATER: ${LAST}\n  LAST: x\n  SELF: [\"${SELF}/x\"]\n"},
		{name: "search path", text: "env:\n  P: [\"\", \"a:b\", [c]]\n"},
		{name: "env is a list", text: "env: [A=x]\n"},
		{name: "env files", text: "env_files: [/etc/env, ./x]\n"},

		{name: "services", text: "services:\n  we b: {run: [x]}\n  a: {}\n  b: {run: []}\n  c: {run: [\"\"]}\n  d: script/web\n"},
		{name: "service", text: "services:\n  web:\n    run: [\"${NOPE}\"]\n    user: Web App\n    restart: sometimes\n    instances: 0\n    hot: {interval: soon}\n    schedule: \"\"\n"},
		{name: "service references", text: "services:\n  web:\n    run: [x, \"${NOPE}\"]\n    listen: ${PORT}\n    env: {A: \"${B}\"}\n"},
		{name: "contradictions", text: "services:\n  a: {run: [x], hot: {}}\n  b: {run: [x], schedule: daily, instances: 2, listen: 80, restart: always}\n"},
		{name: "formats", text: "services_format: [launchd]\n"},

		{name: "prefix of the system", text: "package: {prefix: /usr/lib/app}\n"},
		{name: "prefix /opt", text: "package: {prefix: /opt}\n"},
		{name: "prefix with a blank", text: "package: {prefix: \"/opt/my app\"}\n"},
		{name: "prefix not clean", text: "package: {prefix: /opt/app/}\n"},
		{name: "prefix not absolute", text: "package: {prefix: opt/app}\n"},
		{name: "prefix too long", text: "package: {prefix: /opt/" + strings.Repeat("x", 60) + "}\n"},
		{name: "default prefix too long", text: "name: " + strings.Repeat("x", 60) + "\nruntime: {perl: 5}\n", whole: true},
		{name: "package", text: "package:\n  revision: 0\n  releases: -1\n  depends: [Nginx, \"x (> 1)\"]\n  sektion: web\n  version: 2\n  mtime: x\n"},

		{name: "publish", text: "publish:\n  internal: {sign: {}}\n  \"a b\": {dir: x, distribution: y}\n"},
	}
}
